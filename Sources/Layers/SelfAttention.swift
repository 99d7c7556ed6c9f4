import CKernels
import Tensors

/// Attention of each sequence to itself, head by head, over packed tokens: no padding and no mask.
///
/// (1) A chunk is one head of one sequence. It works through blocks of queries whose size does not depend on the number
///     of threads.
/// (2) Backward makes the probabilities again from the queries, the keys and `logsum`; they are never stored.
public struct SelfAttention {
  let heads: Int
  let headSize: Int
  let layer: Int
  let dropoutRate: Double

  public init(heads: Int, headSize: Int, layer: Int, dropoutRate: Double) {
    self.heads = heads
    self.headSize = headSize
    self.layer = layer
    self.dropoutRate = dropoutRate
  }

  private var features: Int { heads * headSize }
  private var scale: Float { 1 / Float(headSize).squareRoot() }
  private static let queriesPerBlock = 128

  /// How many chunks the work has, and the room that each needs.
  public func chunks(_ batch: PackedBatch) -> Int { batch.sequences * heads }
  public func scratch(_ batch: PackedBatch) -> Int { 2 * Self.queriesPerBlock * batch.longest }

  /// The place of one head of one sequence.
  private struct Place {
    let head: Int
    let tokens: Range<Int>
    let shape: attention_rows

    /// The queries from `first` on, seen from the sequence's first.
    func block(from first: Int) -> (first: Int, shape: attention_rows) {
      var shape = shape
      shape.rows = Swift.min(queriesPerBlock, tokens.count - first)
      shape.position &+= UInt32(truncatingIfNeeded: first) &* shape.position_stride
      return (tokens.lowerBound + first, shape)
    }
  }

  private func place(_ chunk: Int, _ batch: PackedBatch) -> Place {
    let head = chunk % heads
    let tokens = batch.range(chunk / heads)
    let counters = dropout_counters(batch.longest)
    return Place(
      head: head, tokens: tokens,
      shape: attention_rows(
        rows: 0, keys: tokens.count, logsum_stride: heads,
        position: UInt32(truncatingIfNeeded: tokens.lowerBound * heads + head) &* counters,
        position_stride: UInt32(truncatingIfNeeded: heads) &* counters))
  }

  /// context [N, H] from qkv [N, 3H]; logsum [N, heads] is kept.
  public func forward(
    chunk: Int, _ batch: PackedBatch, qkv: UnsafePointer<Float>, logsum: UnsafeMutablePointer<Float>,
    context: UnsafeMutablePointer<Float>, key: DropoutKey?, scratch scores: UnsafeMutablePointer<Float>
  ) {
    let place = place(chunk, batch)
    let keys = place.tokens.count
    let stride = 3 * features
    let column = place.head * headSize
    let k = qkv + place.tokens.lowerBound * stride + features + column
    let v = k + features
    var dropout = dropout(rate: dropoutRate, key: key, site: .probabilities(layer: layer))
    for start in Swift.stride(from: 0, to: keys, by: Self.queriesPerBlock) {
      var (first, shape) = place.block(from: start)
      BLAS.multiply(
        Matrix(qkv + first * stride + column, stride: stride), Matrix(k, stride: stride).transposed, into: scores,
        stride: keys,
        m: shape.rows, n: keys, k: headSize, alpha: scale)
      attention_softmax_forward(scores, logsum + first * heads + place.head, &shape, &dropout)
      BLAS.multiply(
        Matrix(scores, stride: keys), Matrix(v, stride: stride), into: context + first * features + column,
        stride: features, m: shape.rows,
        n: headSize, k: keys)
    }
  }

  /// dqkv [N, 3H] from dcontext [N, H] and what forward had and gave.
  public func backward(
    chunk: Int, _ batch: PackedBatch, dcontext: UnsafePointer<Float>, qkv: UnsafePointer<Float>,
    logsum: UnsafePointer<Float>, context: UnsafePointer<Float>, dqkv: UnsafeMutablePointer<Float>, key: DropoutKey?,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let place = place(chunk, batch)
    let keys = place.tokens.count
    let stride = 3 * features
    let column = place.head * headSize
    let k = place.tokens.lowerBound * stride + features + column
    let v = k + features
    let scores = scratch
    let dscores = scratch + Self.queriesPerBlock * keys
    var dropout = dropout(rate: dropoutRate, key: key, site: .probabilities(layer: layer))
    for start in Swift.stride(from: 0, to: keys, by: Self.queriesPerBlock) {
      var (first, shape) = place.block(from: start)
      let rows = shape.rows
      let q = first * stride + column
      let out = first * features + column
      let beta: Float = start == 0 ? 0 : 1
      BLAS.multiply(
        Matrix(qkv + q, stride: stride), Matrix(qkv + k, stride: stride).transposed, into: scores, stride: keys,
        m: rows, n: keys,
        k: headSize, alpha: scale)
      BLAS.multiply(
        Matrix(dcontext + out, stride: features), Matrix(qkv + v, stride: stride).transposed, into: dscores,
        stride: keys, m: rows,
        n: keys, k: headSize)
      attention_softmax_backward(
        scores, dscores, logsum + first * heads + place.head, context + out, dcontext + out, headSize, features, scale,
        &shape, &dropout)
      BLAS.multiply(
        Matrix(scores, stride: keys).transposed, Matrix(dcontext + out, stride: features), into: dqkv + v,
        stride: stride, m: keys,
        n: headSize, k: rows, beta: beta)
      BLAS.multiply(
        Matrix(dscores, stride: keys), Matrix(qkv + k, stride: stride), into: dqkv + q, stride: stride, m: rows,
        n: headSize, k: keys)
      BLAS.multiply(
        Matrix(dscores, stride: keys).transposed, Matrix(qkv + q, stride: stride), into: dqkv + k, stride: stride,
        m: keys, n: headSize,
        k: rows, beta: beta)
    }
  }
}
