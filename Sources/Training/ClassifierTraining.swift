import FileKit
import Foundation
import IntrayCore
import Models
import Optimizers
import Safetensors
import Tensors
import Tokenizers

/// What one epoch came to.
public struct EpochReport: Sendable, Equatable, Codable {
  /// From 1.
  public var fold: Int
  /// From 1.
  public var epoch: Int
  /// Mean training loss over the epoch.
  public var loss: Double
  public var validation: ClassificationScores?
  /// Sequences and real tokens per second of training, evaluation and checkpoints left out.
  public var samplesPerSecond: Double
  public var tokensPerSecond: Double

  enum CodingKeys: String, CodingKey {
    case fold, epoch, loss, validation
    case samplesPerSecond = "samples_per_s"
    case tokensPerSecond = "tokens_per_s"
  }
}

/// Where a run is.
public struct TrainingPosition: Sendable {
  /// From 1.
  public var fold: Int
  /// From 1.
  public var epoch: Int
  /// Optimiser steps done in this fold, of `steps`.
  public var step: Int
  public var steps: Int
  /// Mean loss of the last step.
  public var loss: Double
  /// The schedule's share of the base learning rates.
  public var rateFactor: Double
  /// Rows trained on in all folds, of `totalRows`.
  public var rowsDone: Int
  public var totalRows: Int
}

/// Who watches a run.
public protocol TrainingMonitor {
  /// Whether to save a checkpoint and end with `TrainingStopped`.
  var shouldStop: Bool { get }
  func stepFinished(_ position: TrainingPosition)
  func epochFinished(_ report: EpochReport)
  func resumed(_ position: TrainingPosition)
  func checkpointSaved()
}

/// The monitor asked to stop; the checkpoint is saved.
public struct TrainingStopped: Error {
  public init() {}
}

/// What a run came to.
public struct TrainingResult: Sendable {
  public var labels: [String]
  public var history: [EpochReport]
  /// Of the model that was saved: the best epoch of the best fold. From 1.
  public var bestFold: Int
  public var bestEpoch: Int
  /// Over all validation rows: with folds, each row judged by the model that has not seen it.
  public var validation: ClassificationScores?
  /// The logits of each training row by the model that has not seen it, nil for rows that were never set aside.
  public var heldOut: [Int: ArraySlice<Float>]
  /// Test logits, averaged over the folds.
  public var testLogits: [Float]
  public var seconds: Double
  public var tokens: Int
}

/// Fine-tunes a sequence classifier, fold by fold, each from the pretrained weights (recipe.md, trap 3).
///
/// The run is a function of plan, data and pretrained weights: the same bytes come out at any thread count, and after
/// being stopped or killed at any step and resumed.
public final class ClassifierTraining {
  private let plan: TrainingPlan
  private let partitions: [Partition]
  private let rows: EncodedTexts
  /// Validation rows from a file of their own; `partitions` then have none.
  private let validationRows: EncodedTexts?
  private let testRows: EncodedTexts?
  private let load: (_ seed: UInt64) throws -> SequenceClassifier
  private let checkpoint: Checkpoint
  private let checkpointInterval: Duration
  private let monitor: any TrainingMonitor
  private let pool: ThreadPool

  private var state: Checkpoint.State
  private var testLogits: Tensor
  private var heldOutLogits: Tensor
  private let columns: Int

  /// - Parameters:
  ///   - base: tells the pretrained weights from any others; a checkpoint goes on with the same ones only.
  ///   - load: makes the model with its pretrained encoder and a new head drawn from the seed.
  ///   - workFolder: where checkpoints go.
  ///   - checkpointInterval: the longest time of training that a kill can cost.
  public init(
    plan: TrainingPlan, partitions: [Partition], rows: EncodedTexts, labels: Int, validation: EncodedTexts? = nil,
    test: EncodedTexts? = nil, base: String, workFolder: String, checkpointInterval: Duration = .seconds(30),
    monitor: any TrainingMonitor, pool: ThreadPool, load: @escaping (_ seed: UInt64) throws -> SequenceClassifier
  ) throws {
    self.plan = plan
    self.partitions = partitions
    self.rows = rows
    self.validationRows = validation
    self.testRows = test
    self.load = load
    self.checkpoint = Checkpoint(folder: workFolder)
    self.checkpointInterval = checkpointInterval
    self.monitor = monitor
    self.pool = pool
    columns = labels
    testLogits = Tensor([max(1, test?.count ?? 0), labels])
    heldOutLogits = Tensor([max(1, rows.count), labels])
    var digest = SHA256Digest()
    digest.update(Data(base.utf8))
    try JSON.encode(plan).withUnsafeBytes { digest.update($0) }
    for set in [rows, validation, test].compactMap(\.self) {
      for encoding in set.encodings { encoding.ids.withUnsafeBytes { digest.update($0) } }
      set.labels.withUnsafeBytes { digest.update($0) }
    }
    for partition in partitions { partition.validation.withUnsafeBytes { digest.update($0) } }
    state = Checkpoint.State(fingerprint: digest.hex())
  }

  /// Trains, or goes on from the checkpoint, to the end.
  ///
  /// - Returns: the result and the model with the best weights.
  public func run() throws -> (result: TrainingResult, model: SequenceClassifier) {
    var resumed = try restore()
    while state.fold < partitions.count {
      try train(partitions[state.fold], from: resumed)
      resumed = nil
      try finishFold(partitions[state.fold])
    }
    guard let best = state.bestOfFolds else { throw IntrayError(.bug, "no epoch was trained") }
    let model = try load(seed(ofFold: best.fold))
    try checkpoint.loadWeights(best.file, into: model.parameters)
    model.parametersChanged()
    let heldOut = heldOut()
    let result = TrainingResult(
      labels: model.labels, history: state.history, bestFold: best.fold + 1, bestEpoch: best.epoch + 1,
      validation: scores(heldOut: heldOut, best: best), heldOut: heldOut,
      testLogits: testRows.map { test in
        (0..<test.count * columns).map { testLogits.data[$0] / Float(partitions.count) }
      } ?? [],
      seconds: state.seconds, tokens: state.tokens)
    return (result, model)
  }

  // MARK: A fold

  private func train(_ partition: Partition, from resumed: SafetensorsFile?) throws {
    let model = try load(seed(ofFold: state.fold))
    let training = try TrainingStep(model, plan: plan, seed: seed(ofFold: state.fold), pool: pool)
    let optimizer = training.optimizer
    if let resumed {
      for (name, tensor) in tensors(model, optimizer) { try resumed.read(name, into: tensor) }
      optimizer.resume(after: state.step)
      model.parametersChanged()
    }
    let count = partition.training.count
    let steps = plan.epochs * plan.stepsPerEpoch(rows: count)
    let schedule = LinearSchedule(warmupShare: plan.warmup, total: steps)
    var lastSave = ContinuousClock.now

    while state.epoch < plan.epochs {
      let order = plan.order(of: partition.training, fold: state.fold, epoch: state.epoch)
      while state.position < count {
        let window = order[state.position..<min(count, state.position + plan.windowSize)]
        let began = ContinuousClock.now
        let loss = try training.run(
          window, encodings: rows.encodings, labels: rows.labels, microBatches: &state.microBatches,
          factor: schedule.factor(state.step))
        state.seconds += (ContinuousClock.now - began) / .seconds(1)
        state.tokens += window.reduce(0) { $0 + rows.encodings[$1].ids.count }
        state.lossSum += loss * Double(window.count)
        state.position += window.count
        state.step += 1
        guard loss.isFinite else {
          throw IntrayError(
            .data, "training diverged: the loss is not a number at epoch \(state.epoch + 1), step \(state.step)",
            hint: "lower learning_rate (now \(plan.learningRate)) or head_learning_rate (now \(plan.headLearningRate))")
        }
        monitor.stepFinished(position(loss: loss, factor: schedule.factor(state.step - 1), steps: steps))
        if monitor.shouldStop { try stop(model, optimizer) }
        if ContinuousClock.now - lastSave >= checkpointInterval {
          try save(model, optimizer)
          lastSave = .now
        }
      }
      try finishEpoch(model, optimizer, partition)
      lastSave = .now
    }
  }

  private func finishEpoch(_ model: SequenceClassifier, _ optimizer: AdamW, _ partition: Partition) throws {
    var scores: ClassificationScores?
    if let (encodings, labels) = validation(of: partition) {
      guard let logits = try Prediction.logits(of: encodings, model: model, proceed: { _ in !monitor.shouldStop })
      else {
        // The epoch is trained but not judged: the next attempt begins with judging it.
        try stop(model, optimizer)
      }
      scores = ClassificationScores(logits: logits, columns: columns, labels: labels)
    }
    let report = EpochReport(
      fold: state.fold + 1, epoch: state.epoch + 1, loss: state.lossSum / Double(max(1, state.position)),
      validation: scores,
      samplesPerSecond: rate(Double(samplesTrained)), tokensPerSecond: rate(Double(state.tokens)))
    state.history.append(report)

    // Without validation rows the last epoch is the best.
    let file = "best-\(state.fold)-\(state.epoch).safetensors"
    let candidate = Checkpoint.Best(
      fold: state.fold, epoch: state.epoch, accuracy: scores?.accuracy ?? 0, loss: scores?.loss ?? -Double(state.epoch),
      file: file)
    if state.best.map({ candidate.isBetter(than: $0) }) ?? true {
      try checkpoint.saveWeights(model.parameters, as: file)
      state.best = candidate
    }
    state.epoch += 1
    state.position = 0
    state.lossSum = 0
    try save(model, optimizer)
    monitor.epochFinished(report)
  }

  /// Lets the fold's best weights predict what the fold has not seen, and hands over to the next fold.
  private func finishFold(_ partition: Partition) throws {
    guard let best = state.best else { throw IntrayError(.bug, "fold \(state.fold + 1) has no epoch") }
    let model = try load(seed(ofFold: state.fold))
    try checkpoint.loadWeights(best.file, into: model.parameters)
    model.parametersChanged()
    func predict(_ encodings: [Encoding]) throws -> [Float] {
      guard let logits = try Prediction.logits(of: encodings, model: model, proceed: { _ in !monitor.shouldStop })
      else {
        // All epochs of this fold are in the checkpoint; the next attempt begins with these predictions.
        throw TrainingStopped()
      }
      return logits
    }
    let heldOut = try predict(partition.validation.map { rows.encodings[$0] })
    let test = try predict(testRows?.encodings ?? [])
    for (place, row) in partition.validation.enumerated() {
      for column in 0..<columns { heldOutLogits.data[row * columns + column] = heldOut[place * columns + column] }
    }
    for (index, value) in test.enumerated() { testLogits.data[index] += value }
    if state.bestOfFolds.map({ best.isBetter(than: $0) }) ?? true { state.bestOfFolds = best }
    state.best = nil
    state.fold += 1
    state.epoch = 0
    state.step = 0
    state.microBatches = 0
    try save(nil, nil)
  }

  // MARK: Checkpoints

  private func tensors(_ model: SequenceClassifier?, _ optimizer: AdamW?) -> [Checkpoint.Named] {
    var named: [Checkpoint.Named] = [("test_logits", testLogits), ("held_out_logits", heldOutLogits)]
    for parameter in model?.parameters ?? [] { named.append(("parameter/\(parameter.name)", parameter.value)) }
    for moments in optimizer?.moments ?? [] {
      named.append(("first_moment/\(moments.parameter.name)", moments.first))
      named.append(("second_moment/\(moments.parameter.name)", moments.second))
    }
    return named
  }

  private func save(_ model: SequenceClassifier?, _ optimizer: AdamW?) throws {
    try checkpoint.save(state, tensors: tensors(model, optimizer))
    monitor.checkpointSaved()
  }

  private func stop(_ model: SequenceClassifier, _ optimizer: AdamW) throws -> Never {
    try save(model, optimizer)
    throw TrainingStopped()
  }

  /// Takes the state from the checkpoint. Returns the file when a fold is under way, for the model's tensors.
  private func restore() throws -> SafetensorsFile? {
    guard let (saved, file) = try checkpoint.read() else { return nil }
    guard saved.fingerprint == state.fingerprint else {
      throw IntrayError(
        .data, "the checkpoint belongs to other data, another model or other parameters", at: .init(checkpoint.folder),
        hint: Checkpoint.hint)
    }
    guard saved.fits(partitions, epochs: plan.epochs) else {
      throw IntrayError(
        .data, "the checkpoint is damaged: it stands at a place that this training does not have",
        at: .init(checkpoint.folder), hint: Checkpoint.hint)
    }
    state = saved
    try file.read("test_logits", into: testLogits)
    try file.read("held_out_logits", into: heldOutLogits)
    monitor.resumed(position(loss: state.history.last?.loss ?? 0, factor: 0, steps: 0))
    return state.step > 0 ? file : nil
  }

  // MARK: Small sums

  private func seed(ofFold fold: Int) -> UInt64 { plan.seed(ofFold: fold) }

  private var samplesTrained: Int {
    let before = partitions[..<state.fold].reduce(0) { $0 + $1.training.count * plan.epochs }
    let inFold = state.fold < partitions.count ? partitions[state.fold].training.count * state.epoch : 0
    return before + inFold + state.position
  }

  private func rate(_ count: Double) -> Double { state.seconds > 0 ? count / state.seconds : 0 }

  private func position(loss: Double, factor: Double, steps: Int) -> TrainingPosition {
    TrainingPosition(
      fold: state.fold + 1, epoch: state.epoch + 1, step: state.step, steps: steps, loss: loss, rateFactor: factor,
      rowsDone: samplesTrained, totalRows: partitions.reduce(0) { $0 + $1.training.count } * plan.epochs)
  }

  private func validation(of partition: Partition) -> ([Encoding], [Int32])? {
    if let validationRows { return (validationRows.encodings, validationRows.labels) }
    if partition.validation.isEmpty { return nil }
    return (partition.validation.map { rows.encodings[$0] }, partition.validation.map { rows.labels[$0] })
  }

  private func heldOut() -> [Int: ArraySlice<Float>] {
    let logits = heldOutLogits.elements
    let indices = partitions.flatMap(\.validation)
    return Dictionary(uniqueKeysWithValues: indices.map { ($0, logits[$0 * columns..<($0 + 1) * columns]) })
  }

  private func scores(heldOut: [Int: ArraySlice<Float>], best: Checkpoint.Best) -> ClassificationScores? {
    if heldOut.isEmpty {
      return state.history.first { $0.fold == best.fold + 1 && $0.epoch == best.epoch + 1 }?.validation
    }
    let indices = heldOut.keys.sorted()
    return ClassificationScores(
      logits: indices.flatMap { heldOut[$0] ?? [] }, columns: columns, labels: indices.map { rows.labels[$0] })
  }
}
