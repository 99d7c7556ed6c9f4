import Tensors

/// How to train: the numbers of one run. They come from the spec, and the checkpoint remembers them.
public struct TrainingPlan: Sendable, Equatable, Codable {
  public var epochs: Int
  /// Sequences per micro-batch.
  public var batchSize: Int
  /// Micro-batches per optimiser step.
  public var accumulate: Int
  /// Of the encoder's top layer, at the height of the schedule.
  public var learningRate: Double
  /// Of the head.
  public var headLearningRate: Double
  /// Each layer below the top takes this share of the rate of the layer above it.
  public var layerDecay: Double
  public var weightDecay: Double
  /// Share of all steps in which the rate climbs from zero.
  public var warmup: Double
  /// The gradient's greatest global norm.
  public var clip: Double
  public var seed: UInt64
  public var precision: Precision

  public init(
    epochs: Int, batchSize: Int, accumulate: Int, learningRate: Double, headLearningRate: Double, layerDecay: Double,
    weightDecay: Double, warmup: Double, clip: Double, seed: UInt64, precision: Precision
  ) {
    self.epochs = epochs
    self.batchSize = batchSize
    self.accumulate = accumulate
    self.learningRate = learningRate
    self.headLearningRate = headLearningRate
    self.layerDecay = layerDecay
    self.weightDecay = weightDecay
    self.warmup = warmup
    self.clip = clip
    self.seed = seed
    self.precision = precision
  }

  /// Each fold draws its own head, order and dropout.
  public func seed(ofFold fold: Int) -> UInt64 { seed &+ UInt64(fold) &* 0x9E37_79B9_7F4A_7C15 }

  /// The rows in the order in which an epoch takes them; fold and epoch from 0.
  public func order(of rows: [Int], fold: Int, epoch: Int) -> [Int] {
    var random = CounterRandom(
      seed: seed(ofFold: fold), purpose: CounterRandom.Purpose.shuffle, index: UInt64(epoch))
    return random.shuffle(rows.count).map { rows[$0] }
  }

  /// Sequences per optimiser step; the last step of an epoch may have fewer.
  public var windowSize: Int { batchSize * accumulate }

  public func stepsPerEpoch(rows: Int) -> Int { (rows + windowSize - 1) / windowSize }
}
