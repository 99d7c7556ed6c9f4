import CKernels
import Tensors

/// y = x W^T + b. Several layers with the same input may be stacked into one product; each keeps its own parameters.
///
/// (1) The master weights are fp32; products take packed copies of them, which `pack` makes anew after each change.
/// (2) `forward` and `backwardInput` work on rows of tokens, `backwardWeights` on rows of the weight: any cut gives
///     parts that can be computed at the same time.
public final class Linear {
  public let inputs: Int
  public let outputs: Int
  public let precision: Precision
  /// Weight and bias of each stacked layer.
  public let parameters: [Parameter]
  /// [outputs, inputs]
  let weight: Tensor
  let weightGradient: Tensor
  /// [outputs]
  let bias: Tensor
  let biasGradient: Tensor
  /// [inputs, outputs], the right factor of forward.
  private let forwardPanels: Panels
  /// [outputs, inputs], the right factor of backward.
  private let backwardPanels: Panels

  /// - Parameters:
  ///   - names: of the stacked layers, without `.weight`; each gives `outputs` features.
  ///   - precision: of the products; `inputs` and `outputs` are multiples of its `perWord`.
  public init(names: [String], inputs: Int, outputs: Int, precision: Precision = .fp32) {
    precondition(
      inputs % precision.perWord == 0 && outputs % precision.perWord == 0, "sizes that do not fit into words")
    self.inputs = inputs
    self.outputs = outputs * names.count
    self.precision = precision
    weight = Tensor([self.outputs, inputs])
    weightGradient = Tensor([self.outputs, inputs])
    bias = Tensor([self.outputs])
    biasGradient = Tensor([self.outputs])
    var parameters: [Parameter] = []
    for (index, name) in names.enumerated() {
      let shape = [outputs, inputs]
      let offset = index * outputs * inputs
      parameters.append(
        Parameter(
          name: name + ".weight", value: Tensor(shape, partOf: weight, at: offset),
          gradient: Tensor(shape, partOf: weightGradient, at: offset)))
      parameters.append(
        Parameter(
          name: name + ".bias", value: Tensor([outputs], partOf: bias, at: index * outputs),
          gradient: Tensor([outputs], partOf: biasGradient, at: index * outputs)))
    }
    self.parameters = parameters
    forwardPanels = Panels(precision)
    backwardPanels = Panels(precision)
  }

  public convenience init(name: String, inputs: Int, outputs: Int, precision: Precision = .fp32) {
    self.init(names: [name], inputs: inputs, outputs: outputs, precision: precision)
  }

  // MARK: Packing

  /// The parts of `pack`, which can be done at the same time.
  /// - Parameter backward: whether `backwardInput` will be called, too.
  public func packing(backward: Bool) -> [() -> Void] {
    forwardPanels.reserve(columns: outputs, depth: inputs)
    if precision == .int8 { return [{ self.forwardPanels.pack(transposed: self.weight) }] }
    let forward = Range.chunks(of: outputs, size: 192, multiple: 32).map { range in
      { self.forwardPanels.pack(transposed: self.weight, range) }
    }
    guard backward else { return forward }
    backwardPanels.reserve(columns: inputs, depth: outputs)
    return forward
      + Range.chunks(of: outputs, size: 192, multiple: 32).map { range in
        { self.backwardPanels.pack(rows: range, of: self.weight.data, .fp32) }
      }
  }

  public func pack(backward: Bool) {
    for part in packing(backward: backward) { part() }
  }

  // MARK: Products

  /// x [rows, inputs] W^T, elements, to be stored.
  /// - Parameter scales: of x's rows, with int8.
  public func forward(_ x: UnsafeRawPointer, rows: Int, scales: UnsafePointer<Float>? = nil) -> CKernels.product {
    CKernels.product(rows: rows, of: x, by: forwardPanels, scales: scales)
  }

  /// dy [rows, outputs] W, elements, to be stored.
  public func backwardInput(_ dy: UnsafeRawPointer, rows: Int) -> CKernels.product {
    CKernels.product(rows: rows, of: dy, by: backwardPanels)
  }

  /// dW += dy^T x and db += the sum of dy's rows, for these outputs, from x [N, inputs] and dy [N, outputs], packed by
  /// their rows.
  /// - Parameter adding: false where dW counts as zero, whatever is in it.
  public func backwardWeights(_ x: Panels, _ dy: Panels, outputs range: Range<Int>, adding: Bool = true) {
    var product = CKernels.product(columns: range, of: dy, by: x)
    product.store(weightGradient.data + range.lowerBound * inputs, adding: adding)
    bias_backward(
      biasGradient.data + range.lowerBound, precision.element, dy.data + range.lowerBound * dy.words, range.count,
      dy.words)
  }

  /// How `backwardWeights` is cut for the pool.
  var weightChunks: [Range<Int>] { Range.chunks(of: outputs, size: 64, multiple: 32) }
}

/// A linear layer over few rows, such as a head's: fp32, on the calling thread, packed whenever it is used.
public final class SmallLinear {
  public let linear: Linear
  public var parameters: [Parameter] { linear.parameters }
  private let inputPanels = Panels(.fp32)
  private let gradientPanels = Panels(.fp32)

  public init(name: String, inputs: Int, outputs: Int) {
    linear = Linear(name: name, inputs: inputs, outputs: outputs)
  }

  /// y [rows, outputs] from x [rows, inputs]
  public func forward(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, rows: Int) {
    linear.pack(backward: false)
    var product = linear.forward(x, rows: rows)
    product.store(UnsafeMutableRawPointer(y), bias: linear.bias)
  }

  /// dx [rows, inputs] is written, the parameters' gradients are added to.
  public func backward(
    _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>, rows: Int
  ) {
    linear.pack(backward: true)
    inputPanels.reserve(columns: linear.inputs, depth: rows)
    gradientPanels.reserve(columns: linear.outputs, depth: rows)
    inputPanels.pack(rows: 0..<rows, of: x, .fp32)
    gradientPanels.pack(rows: 0..<rows, of: dy, .fp32)
    linear.backwardWeights(inputPanels, gradientPanels, outputs: 0..<linear.outputs)
    var product = linear.backwardInput(dy, rows: rows)
    product.store(dx)
  }
}
