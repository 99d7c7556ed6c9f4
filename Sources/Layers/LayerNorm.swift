import CKernels
import Tensors

/// The parameters of a layer normalisation, and the partial sums of their gradients.
///
/// (1) Each chunk of rows has its own partial sums; they are added in the order of the chunks.
public final class LayerNorm {
  public let features: Int
  public let epsilon: Float
  public let weight: Parameter
  public let bias: Parameter
  public var parameters: [Parameter] { [weight, bias] }
  private let partial = Buffer()

  public init(name: String, features: Int, epsilon: Float) {
    self.features = features
    self.epsilon = epsilon
    weight = Parameter(name: name + ".weight", shape: [features])
    bias = Parameter(name: name + ".bias", shape: [features])
    weight.value.fill(1)
  }

  /// Before backward: room for the sums of so many chunks, all zero.
  func begin(chunks: Int) {
    partial.reserve(chunks * 2 * features)
    partial.floats.update(repeating: 0, count: chunks * 2 * features)
  }

  /// Where backward adds this chunk's gradient of the weight, [H].
  func weightSum(_ chunk: Int) -> UnsafeMutablePointer<Float> { partial.floats + chunk * 2 * features }
  func biasSum(_ chunk: Int) -> UnsafeMutablePointer<Float> { partial.floats + (chunk * 2 + 1) * features }

  /// After backward: adds the chunks' sums to the gradients.
  func end(chunks: Int) {
    for chunk in 0..<chunks {
      bias_forward(weight.gradient.data, weightSum(chunk), 1, features)
      bias_forward(bias.gradient.data, biasSum(chunk), 1, features)
    }
  }
}
