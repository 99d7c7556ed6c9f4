import CKernels
import Tensors

/// How the vectors of a sequence's tokens become one vector of the sequence. N tokens, H features, B sequences.
public protocol Pooling: AnyObject {
  var parameters: [Parameter] { get }
  /// The features of the result.
  var width: Int { get }
  /// pooled [B, width] from x [N, H]
  func forward(
    _ x: UnsafePointer<Float>, _ batch: PackedBatch, into pooled: UnsafeMutablePointer<Float>, pool: ThreadPool)
  /// gradient [N, H] is written, all of it, from dpooled [B, width]; the parameters' gradients are added to.
  func backward(
    _ dpooled: UnsafePointer<Float>, _ batch: PackedBatch, into gradient: UnsafeMutablePointer<Float>, pool: ThreadPool)
}

/// The mean over a sequence's tokens.
public final class MeanPooling: Pooling {
  public let parameters: [Parameter] = []
  public let width: Int

  public init(features: Int) { width = features }

  public func forward(
    _ x: UnsafePointer<Float>, _ batch: PackedBatch, into pooled: UnsafeMutablePointer<Float>, pool: ThreadPool
  ) {
    pool.run(chunks: batch.sequences) { sequence in
      let tokens = batch.range(sequence)
      mean_forward(pooled + sequence * width, x + tokens.lowerBound * width, tokens.count, width)
    }
  }

  public func backward(
    _ dpooled: UnsafePointer<Float>, _ batch: PackedBatch, into gradient: UnsafeMutablePointer<Float>, pool: ThreadPool
  ) {
    pool.run(chunks: batch.sequences) { sequence in
      let tokens = batch.range(sequence)
      mean_backward(gradient + tokens.lowerBound * width, dpooled + sequence * width, tokens.count, width)
    }
  }
}

/// BERT's own pooler: tanh of a dense layer over the first token.
public final class FirstTokenPooling: Pooling {
  public var parameters: [Parameter] { dense.parameters }
  public var width: Int { dense.outputs }
  private let dense: Linear
  private let first = Buffer()
  private let result = Buffer()
  private let dresult = Buffer()

  /// - Parameter name: such as `bert.pooler.dense`
  public init(name: String, features: Int) {
    dense = Linear(name: name, inputs: features, outputs: features)
  }

  public func forward(
    _ x: UnsafePointer<Float>, _ batch: PackedBatch, into pooled: UnsafeMutablePointer<Float>, pool: ThreadPool
  ) {
    let sequences = batch.sequences
    let count = sequences * width
    first.reserve(count)
    result.reserve(count)
    for sequence in 0..<sequences {
      (first.data + sequence * width).update(from: x + batch.range(sequence).lowerBound * width, count: width)
    }
    dense.forward(first.data, into: result.data, rows: 0..<sequences)
    dense.addBias(result.data, rows: 0..<sequences)
    tanh_forward(result.data, result.data, count)
    pooled.update(from: result.data, count: count)
  }

  public func backward(
    _ dpooled: UnsafePointer<Float>, _ batch: PackedBatch, into gradient: UnsafeMutablePointer<Float>, pool: ThreadPool
  ) {
    let sequences = batch.sequences
    dresult.reserve(sequences * width)
    tanh_backward(dresult.data, dpooled, result.data, sequences * width)
    dense.backwardWeights(first.data, dresult.data, tokens: sequences, outputs: 0..<width)
    dense.backwardInput(dresult.data, into: first.data, rows: 0..<sequences)
    gradient.update(repeating: 0, count: batch.tokens * width)
    for sequence in 0..<sequences {
      (gradient + batch.range(sequence).lowerBound * width).update(from: first.data + sequence * width, count: width)
    }
  }
}
