import Models
import Optimizers
import Tensors
import Tokenizers

/// An optimiser's step: forward and backward over a window of micro-batches, then clipping and the update.
struct TrainingStep {
  let model: SequenceClassifier
  let optimizer: AdamW
  /// Sequences per micro-batch.
  let batchSize: Int
  /// The gradient's greatest global norm.
  let clip: Double
  /// Of dropout.
  let seed: UInt64

  init(_ model: SequenceClassifier, plan: TrainingPlan, seed: UInt64, pool: ThreadPool) throws {
    self.model = model
    optimizer = AdamW(
      groups: try LearningRates.groups(
        for: model, encoder: plan.learningRate, head: plan.headLearningRate, decay: plan.layerDecay,
        weightDecay: plan.weightDecay), pool: pool)
    batchSize = plan.batchSize
    clip = plan.clip
    self.seed = seed
  }

  /// - Parameters:
  ///   - window: indices of `encodings` and `labels`.
  ///   - microBatches: how many there were before; each draws its own dropout.
  ///   - factor: the schedule's share of the base learning rates.
  /// - Returns: the window's mean loss.
  func run(
    _ window: ArraySlice<Int>, encodings: [Encoding], labels: [Int32], microBatches: inout Int, factor: Double
  ) throws -> Double {
    model.zeroGradients()
    var total = 0.0
    for start in stride(from: window.startIndex, to: window.endIndex, by: batchSize) {
      let micro = window[start..<min(window.endIndex, start + batchSize)]
      let logits = try model.forward(
        PackedBatch(micro.map { (encodings[$0].ids, encodings[$0].segments) }),
        dropout: DropoutKey(seed: seed, step: UInt64(microBatches)))
      let gradient = Tensor(logits.shape)
      // Each row weighs the same in the window, also where the last micro-batch is short (recipe.md, trap 5).
      let loss = crossEntropy(
        logits: logits, labels: micro.map { labels[$0] }, gradient: gradient,
        scale: Double(micro.count) / Double(window.count))
      model.backward(gradient)
      total += loss * Double(micro.count)
      microBatches += 1
    }
    _ = optimizer.clip(maxNorm: clip)
    optimizer.step(scale: factor)
    model.parametersChanged()
    return total / Double(window.count)
  }
}
