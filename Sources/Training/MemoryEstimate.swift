import Models
import Tensors

/// What a run holds in memory at its height, in bytes, by the sizes of the model and of the largest batch.
///
///     MemoryEstimate.training(model, batch: volume.largestBatch, prediction: volume.largestPrediction, threads: 2, precision: .bf16)
public struct MemoryEstimate: Sendable, Equatable {
  /// Program, libraries, runtime, and what the allocator keeps.
  public var process = Self.emptyProcess
  public var weights = 0
  public var gradients = 0
  /// The optimiser's.
  public var moments = 0
  /// What forward keeps for backward.
  public var activations = 0
  /// Intermediate results.
  public var scratch = 0
  /// The rows as tokens, and their logits.
  public var rows = 0
  /// The model's file, mapped while it is read, as far as nothing later takes the same room.
  public var loading = 0

  public var total: Int { parts.values.reduce(0, +) }

  /// The parts under their names.
  public var parts: [String: Int] {
    [
      "process": process, "weights": weights, "gradients": gradients, "moments": moments, "activations": activations,
      "scratch": scratch, "rows": rows, "loading": loading,
    ]
  }

  /// As measured of a worker that trains a model of a few thousand parameters.
  private static let emptyProcess = 48 << 20

  /// - Parameters:
  ///   - parameters: of the model, all of them trained.
  ///   - batch: the largest that is trained on.
  ///   - prediction: the largest that is predicted in between.
  public static func training(
    _ model: ModelConfiguration, parameters: Int, batch: BatchSize, prediction: BatchSize = BatchSize(), threads: Int,
    precision: Precision, memory: Memory = .normal
  ) -> MemoryEstimate {
    let size = precision.activations.size
    var estimate = Self.prediction(
      model, parameters: parameters, batch: prediction.union(batch), threads: threads, precision: precision)
    estimate.loading = 0
    estimate.weights += precision.size * model.productWeights
    estimate.gradients = 4 * parameters
    estimate.moments = 2 * 4 * parameters
    let layers = memory == .low ? 1 : model.layers
    let results = memory == .low ? model.layers * model.hiddenSize : 0
    estimate.activations =
      batch.tokens * (layers * (size * model.keptPerToken + 4 * model.keptFloatsPerToken) + size * results)
    estimate.scratch += batch.tokens * (size * model.backwardPerToken + 4 * model.hiddenSize)
    return estimate
  }

  /// A model that only predicts: its gradients are never touched, so the system gives no memory for them.
  public static func prediction(
    _ model: ModelConfiguration, parameters: Int, batch: BatchSize, threads: Int, precision: Precision
  ) -> MemoryEstimate {
    var estimate = MemoryEstimate()
    // The products take packed copies.
    estimate.weights = 4 * parameters + precision.size * model.productWeights
    // Each thread takes a few sequences through the whole model.
    let tokens = min(batch.tokens, max(512, batch.longest))
    estimate.scratch =
      threads * (precision.activations.size * tokens * 5 * model.hiddenSize + 4 * 128 * model.inferredPerRow)
    estimate.loading = max(0, 4 * parameters - precision.size * model.productWeights - estimate.scratch)
    return estimate
  }

  /// What rows take that wait to be trained on or predicted: two numbers a token, the room that tokenising took for
  /// more, and the objects around them; and their logits.
  public mutating func add(_ texts: TokenVolume, labels: Int) {
    rows += 8 * texts.tokens + 4 * texts.tokensTruncated + texts.rows * (240 + 4 * labels)
  }
}

/// Numbers per token. They follow the buffers of the encoder's layers.
extension ModelConfiguration {
  /// Of one layer, kept for backward, in the precision of the activations: q, k, v, context, both sums after
  /// normalising, both results, and the intermediate features before the activation.
  var keptPerToken: Int { 8 * hiddenSize + intermediateSize }
  /// As well, in fp32.
  var keptFloatsPerToken: Int { heads + 2 }
  /// The embeddings and what they keep, the gradients of one layer's attention, and both factors of each weight's
  /// gradient.
  var backwardPerToken: Int { 14 * hiddenSize + 2 * intermediateSize }
  /// What a thread works on between two layers.
  var inferredPerRow: Int { 2 * hiddenSize + 2 * intermediateSize }
  /// The weights that products take.
  var productWeights: Int { layers * hiddenSize * (4 * hiddenSize + 2 * intermediateSize) }
}
