import Models
import Tensors
import Tokenizers

/// How fast steps of training, or pieces of prediction, are with several numbers of threads.
///
/// (1) They take turns within this process, each with a model of its own, and each with the same rows in a turn: what
///     slows the machine down for a while hits all of them, and their ratios hold where the speeds themselves do not.
public struct StepSpeed: Sendable {
  public enum Work: String, Sendable, CaseIterable {
    /// A step of the optimiser over one batch.
    case training
    case inference
  }

  public let threads: Int
  public fileprivate(set) var seconds = 0.0
  /// Real tokens, special ones included.
  public fileprivate(set) var tokens = 0
  /// Of `seconds`.
  public fileprivate(set) var phases: [Phase: PhaseTime] = [:]

  public var tokensPerSecond: Double { Double(tokens) / Swift.max(seconds, 1e-9) }

  /// Turns that take memory and warm caches, and do not count.
  private static let warmUp = 2

  /// - Parameters:
  ///   - rows: how many of `encodings` a turn takes, from where the last one ended; after the last comes the first.
  ///   - load: makes a model for the pool.
  /// - Returns: one for each of `threads`, in that order.
  public static func measure(
    _ work: Work, _ encodings: [Encoding], rows: Int, turns: Int, threads: [Int],
    load: (ThreadPool) throws -> SequenceClassifier
  ) throws -> [StepSpeed] {
    precondition(!encodings.isEmpty, "there is nothing to measure with")
    let pools = threads.map { ThreadPool(threads: $0) }
    let steps = try pools.map { pool in
      let model = try load(pool)
      return work == .training
        ? try training(model, encodings, rows: rows, pool)
        : { _ = try Prediction.logits(of: $0.map { encodings[$0] }, model: model) }
    }
    var speeds = threads.map { StepSpeed(threads: $0) }
    for turn in 0..<warmUp + turns {
      let window = (turn * rows..<(turn + 1) * rows).map { $0 % encodings.count }
      let tokens = window.reduce(0) { $0 + encodings[$1].ids.count }
      // No one is always the first.
      for place in steps.indices {
        let index = (place + turn) % steps.count
        let before = pools[index].times
        let began = ContinuousClock.now
        try steps[index](window)
        guard turn >= warmUp else { continue }
        speeds[index].seconds += (ContinuousClock.now - began) / .seconds(1)
        speeds[index].tokens += tokens
        for (phase, time) in pools[index].times {
          speeds[index].phases[phase, default: PhaseTime()] += time - (before[phase] ?? PhaseTime())
        }
      }
    }
    return speeds
  }

  private static func training(
    _ model: SequenceClassifier, _ encodings: [Encoding], rows: Int, _ pool: ThreadPool
  ) throws -> ([Int]) throws -> Void {
    let plan = TrainingPlan(
      epochs: 1, batchSize: rows, accumulate: 1, learningRate: 2e-5, headLearningRate: 2e-5, layerDecay: 1,
      weightDecay: 0.01, warmup: 0, clip: 1, seed: 1, precision: model.precision)
    let step = try TrainingStep(model, plan: plan, seed: plan.seed, pool: pool)
    let labels = encodings.indices.map { Int32($0 % model.labels.count) }
    var microBatches = 0
    return { window in
      _ = try step.run(window[...], encodings: encodings, labels: labels, microBatches: &microBatches, factor: 1)
    }
  }
}
