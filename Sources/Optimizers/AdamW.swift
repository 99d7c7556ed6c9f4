import CKernels
import Tensors

/// Adam with decoupled weight decay, as torch.optim.AdamW computes it.
///
/// (1) A step is cut into chunks by the parameters' sizes only.
/// (2) With the same gradients and state, a step gives the same bits: value, moments and step count are all the state.
/// (3) A table's rows that were never touched have moments of zero: they only decay, and nothing else of them is read.
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
  public private(set) var steps = 0

  private let pool: ThreadPool
  /// Multiplies the gradients in the next step only.
  private var gradientScale: Float = 1
  private let chunks: [Chunk]
  /// For each parameter that is a table, which rows' moments may not be zero; found out in the first step.
  private var moving: [[Bool]]?

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
        let parameter = moments[chunk.moments].parameter
        let touched = parameter.touched
        forParts(of: chunk, where: touched.map { touched in { touched.contains($0) } }) { part, isTouched in
          guard isTouched else { return }
          sums[index] += squared_norm(parameter.gradient.data + part.lowerBound, part.count)
        }
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
    let moving = updateMoving()
    pool.run(.optimiser, chunks: chunks.count) { index in
      let chunk = chunks[index]
      let state = moments[chunk.moments]
      let rows = moving[chunk.moments]
      var constants = constants[chunk.group]
      forParts(of: chunk, where: rows.isEmpty ? nil : { rows[$0] }) { part, isMoving in
        let at = part.lowerBound
        if isMoving {
          adamw_step(
            state.parameter.value.data + at, state.first.data + at, state.second.data + at,
            state.parameter.gradient.data + at, &constants, part.count)
        } else {
          adamw_decay(state.parameter.value.data + at, &constants, part.count)
        }
      }
    }
  }

  /// Goes on from moments that were read into `moments`, after so many steps.
  public func resume(after steps: Int) {
    self.steps = steps
    moving = nil
  }

  /// Empty for a parameter that is no table.
  private func updateMoving() -> [[Bool]] {
    var moving =
      moving
      ?? moments.map { state in
        guard state.parameter.touched != nil else { return [] }
        let (rows, columns) = (state.first.shape[0], state.first.shape[1])
        return (0..<rows).map { row in
          let range = row * columns..<(row + 1) * columns
          return steps > 1 && range.contains { state.first[$0] != 0 || state.second[$0] != 0 }
        }
      }
    self.moving = nil  // so that the rows change in place
    for (index, state) in moments.enumerated() {
      guard let touched = state.parameter.touched else { continue }
      if touched.isUnknown { moving[index] = [Bool](repeating: true, count: moving[index].count) }
      for row in touched.rows { moving[index][row] = true }
    }
    self.moving = moving
    return moving
  }

  /// A chunk in parts whose rows are alike; the whole of it where the parameter is no table.
  private func forParts(of chunk: Chunk, where holds: ((Int) -> Bool)?, _ body: (Range<Int>, Bool) -> Void) {
    let value = moments[chunk.moments].parameter.value
    guard let holds else { return body(chunk.elements, true) }
    let columns = value.shape[1]
    var from = chunk.elements.lowerBound
    while from < chunk.elements.upperBound {
      let isSo = holds(from / columns)
      var row = from / columns + 1
      while row * columns < chunk.elements.upperBound, holds(row) == isSo { row += 1 }
      let to = min(row * columns, chunk.elements.upperBound)
      body(from..<to, isSo)
      from = to
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
