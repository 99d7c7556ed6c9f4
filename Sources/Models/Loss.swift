import CKernels
import Tensors

/// The mean cross-entropy of logits [B, C] against labels [B].
/// - Parameters:
///   - gradient: becomes (softmax - one-hot) * scale / B, the gradient of the mean times `scale`.
///   - scale: a micro-batch's share of its step: its rows over the rows of all micro-batches that are accumulated.
public func crossEntropy(logits: Tensor, labels: [Int32], gradient: Tensor, scale: Double = 1) -> Double {
  let B = labels.count
  guard B > 0 else { return 0 }
  precondition(logits.shape.count == 2 && logits.shape[0] == B, "\(B) labels for logits of shape \(logits.shape)")
  precondition(gradient.shape == logits.shape, "the gradient has the logits' shape")
  let C = logits.shape[1]
  precondition(labels.allSatisfy { $0 >= 0 && $0 < C }, "a label is outside 0..<\(C)")
  return cross_entropy(gradient.data, logits.data, labels, Float(scale / Double(B)), B, C) / Double(B)
}
