import CKernels
import Tensors

/// The mean cross-entropy of logits [B, C] against labels [B].
/// - Parameters:
///   - gradient: becomes (softmax - one-hot) * scale / B, the gradient of the mean times `scale`.
///   - scale: a micro-batch's share of its step: its rows over the rows of all micro-batches that are accumulated.
public func crossEntropy(logits: Tensor, labels: [Int32], gradient: Tensor, scale: Double = 1) -> Double {
  let sequences = labels.count
  guard sequences > 0 else { return 0 }
  precondition(
    logits.shape.count == 2 && logits.shape[0] == sequences, "\(sequences) labels for logits of shape \(logits.shape)")
  precondition(gradient.shape == logits.shape, "the gradient has the logits' shape")
  let classes = logits.shape[1]
  precondition(labels.allSatisfy { $0 >= 0 && $0 < classes }, "a label is outside 0..<\(classes)")
  return cross_entropy(gradient.data, logits.data, labels, Float(scale / Double(sequences)), sequences, classes)
    / Double(sequences)
}
