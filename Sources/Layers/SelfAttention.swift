import CKernels
import Tensors

/// Attention of each sequence to itself, head by head, over packed tokens: no padding and no mask.
///
/// (1) A chunk is one head of one sequence.
/// (2) Backward makes the probabilities again from the queries, the keys and `logsum`; they are never stored.
public struct SelfAttention {
  let heads: Int
  let headSize: Int
  let layer: Int
  let precision: Precision
  let dropoutRate: Double
  let instructions: instructions

  /// - Parameter instructions: for the rows of scores, at most what the CPU has.
  public init(
    heads: Int, headSize: Int, layer: Int, precision: Precision, dropoutRate: Double,
    instructions: instructions? = nil
  ) {
    self.heads = heads
    self.headSize = headSize
    self.layer = layer
    self.precision = precision
    self.dropoutRate = dropoutRate
    self.instructions = instructions ?? best_instructions(precision.element)
  }

  private var features: Int { heads * headSize }

  /// How many chunks the work has, and the bytes of scratch that each needs.
  public func chunks(_ batch: PackedBatch) -> Int { batch.sequences * heads }
  public func forwardScratch(_ batch: PackedBatch) -> Int {
    attention_forward_scratch(batch.longest, headSize, precision.element)
  }
  public func backwardScratch(_ batch: PackedBatch) -> Int {
    attention_backward_scratch(batch.longest, headSize, precision.element)
  }

  /// One head of one sequence: its kernel's view, and where it begins in [N, 3H], [N, H] (bytes) and [N, heads].
  private struct Place {
    var shape: attention
    let qkv: Int
    let context: Int
    let logsum: Int
  }

  private func place(_ chunk: Int, _ batch: PackedBatch, _ key: DropoutKey?) -> Place {
    let head = chunk % heads
    let tokens = batch.range(chunk / heads)
    let counters = dropout_counters(batch.longest)
    let first = tokens.lowerBound
    return Place(
      shape: attention(
        element: precision.element, instructions: instructions, tokens: tokens.count, head_size: headSize,
        qkv_row: 3 * features,
        context_row: features, scale: 1 / Float(headSize).squareRoot(), logsum_row: heads,
        dropout: dropout(rate: dropoutRate, key: key, site: .probabilities(layer: layer)),
        position: UInt32(truncatingIfNeeded: first * heads + head) &* counters,
        position_step: UInt32(truncatingIfNeeded: heads) &* counters),
      qkv: (first * 3 * features + head * headSize) * precision.size,
      context: (first * features + head * headSize) * precision.size, logsum: first * heads + head)
  }

  /// context [N, H] from qkv [N, 3H], elements; logsum [N, heads] is kept.
  public func forward(
    chunk: Int, _ batch: PackedBatch, qkv: UnsafeRawPointer, logsum: UnsafeMutablePointer<Float>?,
    context: UnsafeMutableRawPointer, key: DropoutKey?, scratch: UnsafeMutableRawPointer
  ) {
    var place = place(chunk, batch, key)
    let q = qkv + place.qkv
    let next = features * precision.size
    attention_forward(
      &place.shape, q, q + next, q + 2 * next, logsum.map { $0 + place.logsum }, context + place.context, scratch)
  }

  /// dqkv [N, 3H] from dcontext [N, H] and what forward had and gave.
  public func backward(
    chunk: Int, _ batch: PackedBatch, dcontext: UnsafeRawPointer, qkv: UnsafeRawPointer, logsum: UnsafePointer<Float>,
    context: UnsafeRawPointer, dqkv: UnsafeMutableRawPointer, key: DropoutKey?, scratch: UnsafeMutableRawPointer
  ) {
    var place = place(chunk, batch, key)
    let q = qkv + place.qkv
    let dq = dqkv + place.qkv
    let next = features * precision.size
    attention_backward(
      &place.shape, q, q + next, q + 2 * next, logsum + place.logsum, context + place.context,
      dcontext + place.context, dq, dq + next, dq + 2 * next, scratch)
  }
}
