import IntrayCore
import Tokenizers

/// Texts that go through a model, counted.
public struct TokenVolume: Sendable, Equatable {
  public var rows = 0
  public var rowsTruncated = 0
  public var tokens = 0
  /// Tokens of the texts that did not fit.
  public var tokensTruncated = 0
  /// Tokens of the longest text.
  public var longest = 0
  /// The sum of the squares of the lengths: what attention's work is in proportion to.
  public var attended = 0.0

  public init() {}

  public init(_ encodings: some Sequence<Encoding>) {
    for encoding in encodings { add(encoding) }
  }

  public mutating func add(_ encoding: Encoding) {
    let length = encoding.ids.count
    rows += 1
    rowsTruncated += encoding.truncated > 0 ? 1 : 0
    tokens += length
    tokensTruncated += encoding.truncated
    longest = max(longest, length)
    attended += Double(length) * Double(length)
  }

  public mutating func add(_ other: TokenVolume, times: Int = 1) {
    rows += other.rows * times
    rowsTruncated += other.rowsTruncated * times
    tokens += other.tokens * times
    tokensTruncated += other.tokensTruncated * times
    longest = max(longest, other.longest)
    attended += other.attended * Double(times)
  }
}

extension JobPlan.Rows {
  public init(_ volume: TokenVolume) {
    self.init(
      rows: volume.rows, rowsTruncated: volume.rowsTruncated, tokens: volume.tokens,
      tokensTruncated: volume.tokensTruncated, longestTokens: volume.longest)
  }
}

/// What goes through a model at once.
public struct BatchSize: Sendable, Equatable {
  public var tokens: Int
  public var longest: Int

  public init(tokens: Int = 0, longest: Int = 0) {
    self.tokens = tokens
    self.longest = longest
  }

  init(_ encodings: some Sequence<Encoding>) {
    self.init()
    for encoding in encodings {
      tokens += encoding.ids.count
      longest = max(longest, encoding.ids.count)
    }
  }

  /// Room for the larger of both in each respect.
  public func union(_ other: BatchSize) -> BatchSize {
    BatchSize(tokens: max(tokens, other.tokens), longest: max(longest, other.longest))
  }
}

/// All that a run of `ClassifierTraining` has to do, counted from the same plan, partitions and rows.
public struct TrainingVolume: Sendable, Equatable {
  /// Over all folds and epochs.
  public private(set) var trained = TokenVolume()
  public private(set) var predicted = TokenVolume()
  public private(set) var steps = 0
  public private(set) var largestBatch = BatchSize()
  public private(set) var largestPrediction = BatchSize()

  /// Batches are made one by one to find the largest; of a run with more rows than this in all, the first epochs stand
  /// for the rest.
  private static let rowsLookedAt = 10_000_000

  public init(
    plan: TrainingPlan, partitions: [Partition], rows: EncodedTexts, validation: EncodedTexts? = nil,
    test: EncodedTexts? = nil
  ) {
    let testVolume = TokenVolume(test?.encodings ?? [])
    let validationVolume = validation.map { TokenVolume($0.encodings) }
    let epochs = min(plan.epochs, max(1, Self.rowsLookedAt / max(1, rows.count * partitions.count)))
    for (fold, partition) in partitions.enumerated() {
      steps += plan.epochs * plan.stepsPerEpoch(rows: partition.training.count)
      trained.add(TokenVolume(partition.training.lazy.map { rows.encodings[$0] }), times: plan.epochs)
      // Each epoch is judged; the best one then predicts what was set aside, and the test file.
      let heldOut = TokenVolume(partition.validation.lazy.map { rows.encodings[$0] })
      predicted.add(validationVolume ?? heldOut, times: plan.epochs)
      predicted.add(heldOut)
      predicted.add(testVolume)
      for epoch in 0..<epochs {
        let order = plan.order(of: partition.training, fold: fold, epoch: epoch)
        for window in stride(from: 0, to: order.count, by: plan.windowSize) {
          let end = min(order.count, window + plan.windowSize)
          for start in stride(from: window, to: end, by: plan.batchSize) {
            largestBatch = largestBatch.union(
              BatchSize(order[start..<min(end, start + plan.batchSize)].lazy.map { rows.encodings[$0] }))
          }
        }
      }
      for volume in [heldOut, validationVolume, testVolume] {
        largestPrediction = largestPrediction.union(Prediction.largestBatch(of: volume ?? TokenVolume()))
      }
    }
  }
}

extension Prediction {
  /// An upper bound of what `logits` lets through the model at once.
  public static func largestBatch(of all: TokenVolume) -> BatchSize {
    BatchSize(tokens: min(all.tokens, max(tokensPerBatch, all.longest)), longest: all.longest)
  }
}
