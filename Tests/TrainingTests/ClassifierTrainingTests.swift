import FileKit
import Foundation
import IntrayCore
import Models
import Safetensors
import Synchronization
import Tensors
import TestSupport
import Testing
import Tokenizers
import Training

/// Stops after a number of steps, and remembers what it saw.
final class StoppingMonitor: TrainingMonitor {
  private struct Seen {
    var steps = 0
    var resumed = 0
    var saved = 0
  }
  private let seen = Mutex(Seen())
  private let stopAfter: Int

  init(stopAfter: Int = .max) { self.stopAfter = stopAfter }

  var steps: Int { seen.withLock { $0.steps } }
  var timesResumed: Int { seen.withLock { $0.resumed } }
  var timesSaved: Int { seen.withLock { $0.saved } }

  var shouldStop: Bool { steps >= stopAfter }
  func stepFinished(_ position: TrainingPosition) { seen.withLock { $0.steps += 1 } }
  func epochFinished(_ report: EpochReport) {}
  func resumed(_ position: TrainingPosition) { seen.withLock { $0.resumed += 1 } }
  func checkpointSaved() { seen.withLock { $0.saved += 1 } }
}

@Suite struct ClassifierTrainingTests {
  let folder: TemporaryFolder
  let model: String
  let rows: EncodedTexts
  let test: EncodedTexts
  let labels: LabelSet

  init() throws {
    folder = try TemporaryFolder()
    model = "\(folder.path)/tiny"
    try TinyModel.write(to: model)
    let path = try folder.write(TinyModel.csv(rows: 61, labels: ["red", "green", "blue"]), to: "train.csv")
    let testPath = try folder.write(TinyModel.csv(rows: 17, labels: ["red", "green", "blue"]), to: "test.csv")
    let tokenizer = try TokenizerFolder.load(model)
    let pool = ThreadPool(threads: 1)
    let columns = Columns(id: "id", text: ["text"], label: "label")
    var labels = LabelSet()
    rows = try EncodedTexts(
      reading: TextRows(path, columns: columns, labels: .required), tokenizer: tokenizer, maxLength: 32, pool: pool,
      label: { try labels.enter($0, file: $1, line: $2) })
    let known = labels
    test = try EncodedTexts(
      reading: TextRows(testPath, columns: columns, labels: .optional), tokenizer: tokenizer, maxLength: 32, pool: pool,
      label: known.index)
    self.labels = labels
  }

  static let plan = TrainingPlan(
    epochs: 3, batchSize: 4, accumulate: 2, learningRate: 1e-3, headLearningRate: 5e-3, layerDecay: 0.95,
    weightDecay: 0.01, warmup: 0.1, clip: 1, seed: 11, precision: .fp32)

  func training(
    work: String, folds: Int = 2, monitor: any TrainingMonitor = StoppingMonitor(), threads: Int = 2,
    plan: TrainingPlan = plan, interval: Duration = .seconds(3600)
  ) throws -> ClassifierTraining {
    let work = "\(folder.path)/\(work)"
    try Files.makeFolder(work)
    let pool = ThreadPool(threads: threads)
    let names = labels.names
    return try ClassifierTraining(
      plan: plan, partitions: Partition.folds(folds, labels: rows.labels, lineage: rows.lineage, seed: plan.seed),
      rows: rows,
      labels: labels.count, test: test, base: "tiny", workFolder: work, checkpointInterval: interval, monitor: monitor,
      pool: pool
    ) { [model] seed in
      try SequenceClassifier.load(
        folder: model, head: .mean, labels: names, dropout: 0.2, seed: seed, precision: .fp32, pool: pool)
    }
  }

  /// The bytes of everything that a run leaves: weights and test logits.
  func bytes(_ outcome: (result: TrainingResult, model: SequenceClassifier)) throws -> [String] {
    let saved = "\(folder.path)/saved-\(UUID().uuidString)"
    try outcome.model.save(to: saved)
    return [
      try Files.sha256("\(saved)/model.safetensors"),
      outcome.result.testLogits.map { String($0.bitPattern) }.joined(separator: ","),
      outcome.result.heldOut.sorted { $0.key < $1.key }.map { "\($0.key):\(Array($0.value))" }.joined(separator: ","),
      outcome.result.history.map { "\($0.loss)" }.joined(separator: ","),
    ]
  }

  @Test func trainingLearnsAndJudgesEachRowOnce() throws {
    var plan = Self.plan
    plan.epochs = 12
    plan.learningRate = 3e-3
    plan.headLearningRate = 2e-2
    let (result, _) = try training(work: "learn", plan: plan).run()
    #expect(result.history.count == 24)
    #expect(result.heldOut.count == 61)
    let scores = try #require(result.validation)
    #expect(scores.rows == 61)
    #expect(scores.accuracy > 0.6, "\(scores)")
    #expect(result.testLogits.count == 17 * 3)
    #expect(try #require(result.history.last).loss < result.history[0].loss)
  }

  @Test func theThreadCountDoesNotChangeAByte() throws {
    let one = try bytes(training(work: "one", threads: 1).run())
    #expect(try bytes(training(work: "two", threads: 2).run()) == one)
    #expect(try bytes(training(work: "three", threads: 3).run()) == one)
  }

  @Test func aStopAtAnyStepChangesNothing() throws {
    let whole = try bytes(training(work: "whole").run())
    // 2 folds of 4 steps a epoch, 3 epochs: 24 steps. Epoch and fold boundaries are among them.
    for stop in [1, 3, 4, 5, 8, 11, 12, 13, 16, 23, 24] {
      let work = "stopped-\(stop)"
      let first = StoppingMonitor(stopAfter: stop)
      #expect(throws: TrainingStopped.self) { try training(work: work, monitor: first).run() }
      #expect(first.steps == stop)
      let second = StoppingMonitor()
      #expect(try bytes(training(work: work, monitor: second).run()) == whole, "stopped after step \(stop)")
      #expect(second.timesResumed == 1)
      #expect(second.steps == 24 - stop, "no step is done twice")
    }
  }

  @Test func aKillLosesAtMostTheStepsSinceTheCheckpoint() throws {
    let whole = try bytes(training(work: "whole").run())
    // A copy of the work folder is what a kill at that moment leaves behind.
    final class Copying: TrainingMonitor {
      let from: String, to: String, at: Int
      let steps = Mutex(0)
      init(from: String, to: String, at: Int) { (self.from, self.to, self.at) = (from, to, at) }
      var shouldStop: Bool { false }
      func stepFinished(_ position: TrainingPosition) {
        if steps.withLock({
          $0 += 1
          return $0
        }) == at {
          try? FileManager.default.copyItem(atPath: from, toPath: to)
        }
      }
      func epochFinished(_ report: EpochReport) {}
      func resumed(_ position: TrainingPosition) {}
      func checkpointSaved() {}
    }
    for step in [2, 7, 14, 20] {
      let copying = Copying(from: "\(folder.path)/run-\(step)", to: "\(folder.path)/killed-\(step)", at: step)
      #expect(try bytes(training(work: "run-\(step)", monitor: copying, interval: .zero).run()) == whole)
      let second = StoppingMonitor()
      #expect(try bytes(training(work: "killed-\(step)", monitor: second).run()) == whole)
      #expect(second.steps == 24 - step + 1)
    }
  }

  @Test func aBrokenCheckpointFailsTheJob() throws {
    #expect(throws: TrainingStopped.self) {
      try training(work: "broken", monitor: StoppingMonitor(stopAfter: 5)).run()
    }
    let path = "\(folder.path)/broken/checkpoint.safetensors"
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
    #expect(throws: IntrayError.self) { try training(work: "broken").run() }
    try whole.write(to: URL(fileURLWithPath: path))
    var other = Self.plan
    other.learningRate = 2e-3
    let error = #expect(throws: IntrayError.self) { try training(work: "broken", plan: other).run() }
    #expect(error?.message.contains("other parameters") == true)
  }

  @Test(arguments: [
    ("\"fold\":0", "\"fold\":-1"), ("\"fold\":0", "\"fold\":9"), ("\"epoch\":1", "\"epoch\":9"),
    ("\"position\":8", "\"position\":-8"), ("\"position\":8", "\"position\":99"),
    ("\"microBatches\":", "\"microBatches\":-"), ("\"step\":5", "\"step\":9223372036854775807"),
  ]) func `a checkpoint that stands at no place of the training fails the job`(found: String, forged: String) throws {
    #expect(throws: TrainingStopped.self) {
      try training(work: "forged", monitor: StoppingMonitor(stopAfter: 5)).run()
    }
    let path = "\(folder.path)/forged/checkpoint.safetensors"
    let file = try SafetensorsFile(path)
    var writer = SafetensorsWriter(path)
    for name in file.names {
      let entry = try #require(file.entry(name))
      writer.add(name, dtype: entry.dtype, shape: entry.shape, bytes: entry.bytes)
    }
    let state = try #require(file.metadata["state"])
    let other = state.replacing(found, with: forged)
    #expect(other != state, "\(state)")
    try writer.publish(metadata: ["state": other])
    let error = #expect(throws: IntrayError.self) { try training(work: "forged").run() }
    #expect(error?.message.contains("damaged") == true)
  }

  @Test func divergenceIsAnErrorThatNamesTheRate() throws {
    var plan = Self.plan
    plan.learningRate = 1e30
    plan.clip = 1e30
    let error = #expect(throws: IntrayError.self) { try training(work: "diverge", plan: plan).run() }
    #expect(error?.message.contains("diverged") == true)
    #expect(error?.hint?.contains("learning_rate") == true)
  }
}
