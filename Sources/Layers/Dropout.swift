import CKernels
import Tensors

/// Where in the model a dropout stands. Each place draws numbers of its own.
public enum DropoutSite: Sendable {
  case embeddings
  case probabilities(layer: Int)
  case attention(layer: Int)
  case output(layer: Int)
  case head

  var purpose: UInt32 {
    let place: Int =
      switch self {
      case .embeddings: 0
      case .head: 1
      case .probabilities(let layer): 4 + layer * 4
      case .attention(let layer): 5 + layer * 4
      case .output(let layer): 6 + layer * 4
      }
    return CounterRandom.Purpose.dropout + UInt32(truncatingIfNeeded: place)
  }
}

extension CKernels.dropout {
  /// What the kernels need. Without a key nothing is dropped. The rate is rounded to 65536ths, and the scale fits the
  /// rounded rate.
  public init(rate: Double, key: DropoutKey?, site: DropoutSite) {
    let seed = key?.seed ?? 0
    let threshold = key == nil ? 0 : UInt32((min(max(rate, 0), 0.999) * 65536).rounded())
    self.init(
      key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)), purpose: site.purpose,
      index: key?.step ?? 0, threshold: threshold, scale: 65536 / Float(65536 - threshold))
  }
}
