import IntrayCore
import Models
import Tensors
import TestSupport
import Testing
import Tokenizers
import Training

@Suite struct WorkVolumeTests {
  private let folder: TemporaryFolder
  private let model: String
  private let pool = ThreadPool(threads: 1)

  init() throws {
    folder = try TemporaryFolder()
    model = "\(folder.path)/tiny"
    try TinyModel.write(to: model)
  }

  /// Texts of these lengths in words, each of which is a token.
  private func texts(_ lengths: [Int], maxLength: Int = 32) throws -> EncodedTexts {
    let rows = lengths.enumerated().map { index, length in
      "\(index),\(Array(repeating: "word7", count: length).joined(separator: " ")),\(index % 2)"
    }
    let path = try folder.write((["id,text,label"] + rows).joined(separator: "\n"), to: "rows.csv")
    let columns = Columns(id: "id", text: ["text"], label: "label")
    return try EncodedTexts(
      reading: TextRows(path, columns: columns, labels: .required), tokenizer: TokenizerFolder.load(model),
      maxLength: maxLength, pool: pool, label: { name, _, _ in Int32(name) ?? 0 })
  }

  private func plan(epochs: Int = 3, batchSize: Int = 2, accumulate: Int = 2) -> TrainingPlan {
    TrainingPlan(
      epochs: epochs, batchSize: batchSize, accumulate: accumulate, learningRate: 1e-3, headLearningRate: 1e-3,
      layerDecay: 1, weightDecay: 0, warmup: 0, clip: 1, seed: 3, precision: .fp32)
  }

  @Test func textsAreCountedAsTheModelReadsThem() throws {
    let volume = TokenVolume(try texts([1, 6, 10], maxLength: 8).encodings)
    #expect(volume.rows == 3)
    #expect(volume.tokens == 3 + 8 + 8)
    #expect(volume.longest == 8)
    #expect(volume.rowsTruncated == 1)
    #expect(volume.tokensTruncated == 4)
    #expect(volume.attended == 9 + 64 + 64)
  }

  @Test func aRunIsCountedOverFoldsAndEpochs() throws {
    let rows = try texts([1, 2, 3, 4, 5])
    let test = try texts([8, 8])
    let partitions = [
      Partition(training: [0, 1, 2], validation: [3, 4]), Partition(training: [2, 3, 4], validation: [0, 1]),
    ]
    let volume = TrainingVolume(plan: plan(), partitions: partitions, rows: rows, test: test)
    // Three rows are one window of four, in two batches.
    #expect(volume.steps == 2 * 3)
    #expect(volume.trained.tokens == 3 * (3 + 4 + 5) + 3 * (5 + 6 + 7))
    // After each epoch and after the last, what was set aside; and the test rows.
    #expect(volume.predicted.tokens == (3 + 1) * (6 + 7) + (3 + 1) * (3 + 4) + 2 * 20)
    #expect(volume.largestPrediction == BatchSize(tokens: 20, longest: 10))
  }

  @Test(arguments: [1, 2, 3, 7]) func theLargestBatchIsTheLargestThatTrainingMakes(batchSize: Int) throws {
    let lengths = [1, 9, 2, 8, 3, 7, 4]
    let rows = try texts(lengths)
    let plan = plan(epochs: 4, batchSize: batchSize, accumulate: 1)
    let partition = Partition(training: Array(0..<7), validation: [])
    let volume = TrainingVolume(plan: plan, partitions: [partition], rows: rows)
    var largest = 0
    for epoch in 0..<4 {
      let order = plan.order(of: partition.training, fold: 0, epoch: epoch)
      #expect(order.sorted() == partition.training)
      for start in stride(from: 0, to: 7, by: batchSize) {
        largest = max(largest, order[start..<min(7, start + batchSize)].reduce(0) { $0 + lengths[$1] + 2 })
      }
    }
    #expect(volume.largestBatch == BatchSize(tokens: largest, longest: 11))
    #expect(volume.largestBatch.tokens < 48 || batchSize == 7)
  }

  @Test func memoryGrowsWithWhatItHolds() throws {
    let configuration = try ModelConfiguration.read(folder: model)
    func training(_ tokens: Int, _ precision: Precision = .fp32, _ memory: Memory = .normal) -> MemoryEstimate {
      .training(
        configuration, parameters: 10_000, batch: BatchSize(tokens: tokens, longest: 10), threads: 2,
        precision: precision, memory: memory)
    }
    let one = training(100)
    #expect(one.gradients == 40_000 && one.moments == 80_000)
    // Two packed copies of 2 x 16 x 128 weights.
    #expect(one.weights == 40_000 + 2 * 4 * 4096)
    #expect(training(100, .bf16).weights == 40_000 + 2 * 2 * 4096)
    #expect(one.total == one.parts.values.reduce(0, +))
    #expect(training(200).activations == 2 * one.activations)
    #expect(training(100, .bf16).activations < one.activations)
    #expect(training(100, .fp32, .low).activations < one.activations)
    let prediction = MemoryEstimate.prediction(
      configuration, parameters: 10_000, batch: BatchSize(tokens: 100, longest: 10), threads: 2, precision: .int8)
    #expect(prediction.gradients == 0 && prediction.moments == 0 && prediction.activations == 0)
    #expect(prediction.weights == 40_000 + 4096)
    #expect(prediction.scratch < one.scratch)
    // The file is mapped while the values are read, and gone when packed copies and scratch are made.
    #expect(prediction.total >= prediction.process + 2 * 40_000 && one.loading == 0)
    var withRows = one
    withRows.add(TokenVolume(try texts([8, 8]).encodings), labels: 2)
    #expect(withRows.total - one.total == 8 * 20 + 2 * (240 + 8))
  }

  @Test func timeIsWorkByTheMeasuredSpeed() throws {
    let model = try SequenceClassifier.load(folder: model, labels: ["a", "b"], pool: pool)
    let configuration = model.configuration
    let rows = try texts([4, 8])
    let volume = TrainingVolume(
      plan: plan(epochs: 5), partitions: [Partition(training: [0, 1], validation: [])], rows: rows)
    // Two layers with H = 16 and I = 32: 2 H (4 H + 2 I) a token, and 4 H for each pair of tokens.
    let forward = 2.0 * (2 * 16 * 128 * 16 + 64 * (36 + 100))
    #expect(configuration.forwardOperations(TokenVolume(rows.encodings)) == forward)
    let speed = MeasuredSpeed(operationsPerSecond: 1e6, secondsPerUpdate: 1e-3)
    #expect(
      abs(speed.seconds(for: volume, model: configuration, parameters: 100) - (15 * forward / 1e6 + 5 * 0.1)) < 1e-9)
    let measured = try MeasuredSpeed.measure(model, encodings: rows.encodings, pool: pool)
    #expect(measured.operationsPerSecond > 1e5 && measured.operationsPerSecond < 1e14)
    #expect(measured.secondsPerUpdate > 1e-12 && measured.secondsPerUpdate < 1e-5)
  }
}
