import Models
import Optimizers
import Tensors
import Tokenizers

/// How fast this machine is now, measured in a moment with the model and the rows of a job.
///
/// (1) Only forward passes over a few rows: nothing is trained, and no memory for gradients is taken.
public struct MeasuredSpeed: Sendable {
  /// Of forward passes.
  public var operationsPerSecond: Double
  /// How long clearing the gradients, clipping and a step of the optimiser take for each parameter.
  public var secondsPerUpdate: Double

  private static let tokens = 1024
  private static let parameters = 1 << 20
  private static let patience = Duration.milliseconds(200)

  public init(operationsPerSecond: Double, secondsPerUpdate: Double) {
    self.operationsPerSecond = operationsPerSecond
    self.secondsPerUpdate = secondsPerUpdate
  }

  /// Takes about half a second; longer where one pass over a thousand tokens takes longer.
  public static func measure(
    _ model: SequenceClassifier, encodings: [Encoding], pool: ThreadPool
  ) throws -> MeasuredSpeed {
    var rows: [Encoding] = []
    var volume = TokenVolume()
    // From everywhere in the file: it may be sorted by length.
    let step = max(1, encodings.count / 64)
    for start in 0..<step {
      for index in stride(from: start, to: encodings.count, by: step) where volume.tokens < tokens {
        rows.append(encodings[index])
        volume.add(encodings[index])
      }
    }
    let batch = PackedBatch(rows.map { ($0.ids, $0.segments) })
    let forward = try secondsPerRound { _ = try model.forward(batch) }
    let parameter = Parameter(name: "probe", shape: [parameters])
    let optimizer = AdamW(
      groups: [.init(name: "probe", parameters: [parameter], learningRate: 1e-4)], pool: pool)
    let update = try secondsPerRound {
      parameter.gradient.fill(0)
      _ = optimizer.clip(maxNorm: 1)
      optimizer.step(scale: 1)
    }
    return MeasuredSpeed(
      operationsPerSecond: max(1, model.configuration.forwardOperations(volume)) / max(forward, 1e-9),
      secondsPerUpdate: update / Double(parameters))
  }

  /// The seconds of one round, the first one left out: it takes memory and warms the caches.
  private static func secondsPerRound(_ work: () throws -> Void) throws -> Double {
    try work()
    let began = ContinuousClock.now
    var rounds = 0.0
    var elapsed = Duration.zero
    while elapsed < patience {
      try work()
      rounds += 1
      elapsed = ContinuousClock.now - began
    }
    return elapsed / .seconds(1) / rounds
  }

  /// The seconds that a run of `ClassifierTraining` takes.
  public func seconds(
    for volume: TrainingVolume, model: ModelConfiguration, parameters: Int, memory: Memory = .normal
  ) -> Double {
    // Backward has two products for each of forward's; with little memory it begins with a forward.
    let passes = memory == .low ? 4.0 : 3.0
    return passes * model.forwardOperations(volume.trained) / operationsPerSecond
      + model.forwardOperations(volume.predicted) / operationsPerSecond
      + Double(volume.steps) * Double(parameters) * secondsPerUpdate
  }

  /// The seconds that predicting takes.
  public func seconds(predicting volume: TokenVolume, model: ModelConfiguration) -> Double {
    model.forwardOperations(volume) / operationsPerSecond
  }
}

extension ModelConfiguration {
  /// Multiplications and additions of the products in a forward pass; all the rest is small beside them.
  public func forwardOperations(_ volume: TokenVolume) -> Double {
    let hidden = Double(hiddenSize)
    let perToken = 2 * hidden * (4 * hidden + 2 * Double(intermediateSize))
    return Double(layers) * (perToken * Double(volume.tokens) + 4 * hidden * volume.attended)
  }
}
