import CKernels
import Tensors

/// How the vectors of a sequence's tokens become one vector of the sequence, in fp32. N tokens, H features, B sequences.
public protocol Pooling: AnyObject {
  var parameters: [Parameter] { get }
  /// The features of the result.
  var width: Int { get }
  /// The result of one sequence, [width], from its tokens x [tokens, H], numbers of type `precision`.
  func gather(_ x: UnsafeRawPointer, _ precision: Precision, tokens: Int, into gathered: UnsafeMutablePointer<Float>)
  /// pooled [B, width] from what was gathered, [B, H]
  func forward(_ gathered: UnsafePointer<Float>, into pooled: UnsafeMutablePointer<Float>, sequences: Int)
  /// dgathered [B, H] from dpooled [B, width]; the parameters' gradients are added to. `gathered` is what forward had.
  func backward(
    _ dpooled: UnsafePointer<Float>, _ gathered: UnsafePointer<Float>, into dgathered: UnsafeMutablePointer<Float>,
    sequences: Int)
  /// gradient [tokens, H] of one sequence's x is written, all of it, from dgathered [H].
  func spread(_ dgathered: UnsafePointer<Float>, tokens: Int, into gradient: UnsafeMutablePointer<Float>)
}

/// The mean over a sequence's tokens.
public final class MeanPooling: Pooling {
  public let parameters: [Parameter] = []
  public let width: Int

  public init(features: Int) { width = features }

  public func gather(
    _ x: UnsafeRawPointer, _ precision: Precision, tokens: Int, into gathered: UnsafeMutablePointer<Float>
  ) {
    mean_forward(gathered, x, precision.element, tokens, width)
  }

  public func forward(_ gathered: UnsafePointer<Float>, into pooled: UnsafeMutablePointer<Float>, sequences: Int) {
    pooled.update(from: gathered, count: sequences * width)
  }

  public func backward(
    _ dpooled: UnsafePointer<Float>, _ gathered: UnsafePointer<Float>, into dgathered: UnsafeMutablePointer<Float>,
    sequences: Int
  ) {
    dgathered.update(from: dpooled, count: sequences * width)
  }

  public func spread(_ dgathered: UnsafePointer<Float>, tokens: Int, into gradient: UnsafeMutablePointer<Float>) {
    mean_backward(gradient, dgathered, tokens, width)
  }
}

/// BERT's own pooler: tanh of a dense layer over the first token.
public final class FirstTokenPooling: Pooling {
  public var parameters: [Parameter] { dense.parameters }
  public let width: Int
  private let dense: SmallLinear
  private let result = Buffer()
  private let dresult = Buffer()

  /// - Parameter name: such as `bert.pooler.dense`
  public init(name: String, features: Int) {
    width = features
    dense = SmallLinear(name: name, inputs: features, outputs: features)
  }

  public func gather(
    _ x: UnsafeRawPointer, _ precision: Precision, tokens: Int, into gathered: UnsafeMutablePointer<Float>
  ) {
    mean_forward(gathered, x, precision.element, 1, width)
  }

  public func forward(_ gathered: UnsafePointer<Float>, into pooled: UnsafeMutablePointer<Float>, sequences: Int) {
    let count = sequences * width
    result.reserve(count)
    dense.forward(gathered, into: result.floats, rows: sequences)
    tanh_forward(result.floats, result.floats, count)
    pooled.update(from: result.floats, count: count)
  }

  public func backward(
    _ dpooled: UnsafePointer<Float>, _ gathered: UnsafePointer<Float>, into dgathered: UnsafeMutablePointer<Float>,
    sequences: Int
  ) {
    dresult.reserve(sequences * width)
    tanh_backward(dresult.floats, dpooled, result.floats, sequences * width)
    dense.backward(dresult.floats, gathered, into: dgathered, rows: sequences)
  }

  public func spread(_ dgathered: UnsafePointer<Float>, tokens: Int, into gradient: UnsafeMutablePointer<Float>) {
    gradient.update(repeating: 0, count: tokens * width)
    gradient.update(from: dgathered, count: width)
  }
}
