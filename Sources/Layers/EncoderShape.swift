import CKernels
import Tensors

/// The sizes of an encoder, what happens between its products, and in which precision.
public struct EncoderShape: Sendable {
  public var features: Int
  public var heads: Int
  public var intermediate: Int
  public var epsilon: Float
  public var activation: Activation
  public var hiddenDropout: Double
  public var attentionDropout: Double
  public var precision: Precision

  public enum Activation: Sendable {
    case gelu
    case geluTanh
    case relu

    var kernel: CKernels.activation {
      switch self {
      case .gelu: activation_gelu
      case .geluTanh: activation_gelu_tanh
      case .relu: activation_relu
      }
    }
  }

  public init(
    features: Int, heads: Int, intermediate: Int, epsilon: Float = 1e-12, activation: Activation = .gelu,
    hiddenDropout: Double = 0, attentionDropout: Double = 0, precision: Precision = .fp32
  ) {
    precondition(heads > 0 && features % heads == 0, "\(features) features for \(heads) heads")
    self.features = features
    self.heads = heads
    self.intermediate = intermediate
    self.epsilon = epsilon
    self.activation = activation
    self.hiddenDropout = hiddenDropout
    self.attentionDropout = attentionDropout
    self.precision = precision
  }

  public var headSize: Int { features / heads }

  /// Whether the sizes fit into the words of this precision.
  public func fits(_ precision: Precision) -> Bool {
    [features, intermediate].allSatisfy { $0 % precision.perWord == 0 } && headSize % precision.activations.perWord == 0
  }

  /// What layers keep and hand on: "elements".
  var activations: Precision { precision.activations }
  var element: CKernels.element { activations.element }
}
