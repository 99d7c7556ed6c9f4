import Models

/// What a run holds in memory at its height, in bytes, by the sizes of the model and of the largest batch.
///
///     MemoryEstimate.training(model, batch: volume.largestBatch, prediction: volume.largestPrediction, threads: 2)
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

  public var total: Int { parts.values.reduce(0, +) }

  /// The parts under their names.
  public var parts: [String: Int] {
    [
      "process": process, "weights": weights, "gradients": gradients, "moments": moments, "activations": activations,
      "scratch": scratch, "rows": rows,
    ]
  }

  /// As measured of a worker that trains a model of a few thousand parameters.
  private static let emptyProcess = 48 << 20

  /// - Parameters:
  ///   - parameters: of the model, all of them trained.
  ///   - batch: the largest that is trained on.
  ///   - prediction: the largest that is predicted in between.
  ///   - bytesPerActivation: of what is kept for backward; scratch and all that belongs to parameters is fp32.
  ///   - layersKept: the layers whose activations are kept at the same time, all of them when nil.
  public static func training(
    _ model: ModelConfiguration, parameters: Int, batch: BatchSize, prediction: BatchSize = BatchSize(), threads: Int,
    bytesPerActivation: Int = 4, layersKept: Int? = nil
  ) -> MemoryEstimate {
    var estimate = Self.prediction(model, parameters: parameters, batch: batch.union(prediction), threads: threads)
    estimate.gradients = 4 * parameters
    estimate.moments = 2 * 4 * parameters
    let most = max(batch.tokens, prediction.tokens)
    let layers = layersKept ?? model.layers
    // Prediction needs one layer's.
    estimate.activations = bytesPerActivation * model.keptPerToken * ((layers - 1) * batch.tokens + most)
    estimate.scratch += 4 * model.backwardScratchPerToken * batch.tokens
    return estimate
  }

  /// A model that only predicts: its gradients are never touched, so the system gives no memory for them.
  public static func prediction(
    _ model: ModelConfiguration, parameters: Int, batch: BatchSize, threads: Int, bytesPerActivation: Int = 4
  ) -> MemoryEstimate {
    var estimate = MemoryEstimate()
    estimate.weights = 4 * parameters
    estimate.activations = bytesPerActivation * model.keptPerToken * batch.tokens
    // Attention's blocks of scores and of their gradients, for each thread.
    estimate.scratch = 4 * (model.forwardScratchPerToken * batch.tokens + threads * 2 * 128 * batch.longest)
    return estimate
  }

  /// What rows take that wait to be trained on or predicted: two numbers a token, the room that tokenising took for
  /// more, and the objects around them; and their logits.
  public mutating func add(_ texts: TokenVolume, labels: Int) {
    rows += 8 * texts.tokens + 4 * texts.tokensTruncated + texts.rows * (240 + 4 * labels)
  }
}

/// Elements per token. They follow the buffers of the encoder's layers.
extension ModelConfiguration {
  /// Of one layer, kept for backward: q, k, v, context, both sums before a normalisation, both results, the intermediate
  /// features before the activation; and per head and normalisation a few numbers.
  var keptPerToken: Int { 8 * hiddenSize + intermediateSize + heads + 4 }
  /// The embeddings, their sum, and the intermediate features after the activation.
  var forwardScratchPerToken: Int { 2 * hiddenSize + 2 + intermediateSize }
  /// The gradients of one layer's intermediate results, and of its result.
  var backwardScratchPerToken: Int { intermediateSize + 7 * hiddenSize }
}
