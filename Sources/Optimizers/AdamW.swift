import CKernels
import Tensors

/// Adam with decoupled weight decay, as torch.optim.AdamW computes it.
///
/// (1) A step is cut into chunks by the parameters' sizes only.
/// (2) With the same gradients and state, a step gives the same bits: value, moments and step count are all the state.
public final class AdamW {
  /// Parameters that share a learning rate.
  public struct Group {
    /// For people: `encoder.layer.3`.
    public var name: String
    public var parameters: [Parameter]
    /// Before the schedule's factor.
    public var learningRate: Double
    public var weightDecay: Double

    public init(name: String, parameters: [Parameter], learningRate: Double, weightDecay: Double = 0.01) {
      self.name = name
      self.parameters = parameters
      self.learningRate = learningRate
      self.weightDecay = weightDecay
    }
  }

  /// What the optimiser remembers of a parameter.
  public struct Moments {
    public let parameter: Parameter
    public let first: Tensor
    public let second: Tensor
  }

  public let groups: [Group]
  public let beta1: Double
  public let beta2: Double
  public let epsilon: Double
  /// In the order of the groups; for checkpoints, together with `steps`.
  public let moments: [Moments]
  /// The steps that were taken.
  public var steps = 0

  private let pool: ThreadPool
  /// Multiplies the gradients in the next step only.
  private var gradientScale: Float = 1
  private let chunks: [Chunk]

  private struct Chunk {
    let group: Int
    let moments: Int
    let elements: Range<Int>
  }

  public init(
    groups: [Group], beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, pool: ThreadPool
  ) {
    var moments: [Moments] = []
    var chunks: [Chunk] = []
    for (index, group) in groups.enumerated() {
      for parameter in group.parameters {
        let shape = parameter.value.shape
        for range in Range.chunks(of: parameter.value.count, size: 1 << 16) {
          chunks.append(Chunk(group: index, moments: moments.count, elements: range))
        }
        moments.append(Moments(parameter: parameter, first: Tensor(shape), second: Tensor(shape)))
      }
    }
    self.groups = groups
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.pool = pool
    self.moments = moments
    self.chunks = chunks
  }

  /// The norm over all gradients together. If it is larger than `maxNorm`, the next step takes them as if they had been
  /// scaled down to it (torch.nn.utils.clip_grad_norm_). A norm that is not finite says that training has gone wrong:
  /// do not step.
  public func clip(maxNorm: Double) -> Double {
    var sums = [Double](repeating: 0, count: chunks.count)
    sums.withUnsafeMutableBufferPointer { sums in
      pool.run(.optimiser, chunks: chunks.count) { index in
        let chunk = chunks[index]
        sums[index] = squared_norm(
          moments[chunk.moments].parameter.gradient.data + chunk.elements.lowerBound, chunk.elements.count)
      }
    }
    let norm = sums.reduce(0, +).squareRoot()
    gradientScale = Float(min(1, maxNorm / (norm + 1e-6)))
    return norm
  }

  /// One step with the gradients that the parameters have.
  /// - Parameter factor: the schedule's; multiplies every group's rate.
  public func step(scale factor: Double) {
    steps += 1
    let correction1 = 1 - pow(beta1, steps)
    let correction2 = 1 - pow(beta2, steps)
    let constants = groups.map { group in
      adamw(
        learning_rate: Float(group.learningRate * factor), beta1: Float(beta1), beta2: Float(beta2),
        epsilon: Float(epsilon), weight_decay: Float(group.weightDecay), correction1: Float(correction1),
        root_correction2: Float(correction2.squareRoot()), gradient_scale: gradientScale)
    }
    gradientScale = 1
    pool.run(.optimiser, chunks: chunks.count) { index in
      let chunk = chunks[index]
      let state = moments[chunk.moments]
      let at = chunk.elements.lowerBound
      var constants = constants[chunk.group]
      adamw_step(
        state.parameter.value.data + at, state.first.data + at, state.second.data + at,
        state.parameter.gradient.data + at, &constants, chunk.elements.count)
    }
  }

  private func pow(_ base: Double, _ exponent: Int) -> Double {
    // By squaring: Foundation's pow may differ in the last bit between systems.
    var result = 1.0
    var square = base
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }
}
