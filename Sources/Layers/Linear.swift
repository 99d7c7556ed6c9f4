import CKernels
import Tensors

/// y = x W^T + b. Several layers with the same input may be stacked into one product; each keeps its own parameters.
///
/// (1) `forward` and `backwardInput` work on rows of tokens, `backwardWeights` on rows of the weight: any cut gives
///     parts that can be computed at the same time.
/// (2) The bias is left to the kernel that comes next, where it costs nothing.
public final class Linear {
  public let inputs: Int
  public let outputs: Int
  /// Weight and bias of each stacked layer.
  public let parameters: [Parameter]
  /// [outputs, inputs]
  let weight: Tensor
  let weightGradient: Tensor
  /// [outputs]
  let bias: Tensor
  let biasGradient: Tensor

  /// - Parameter names: of the stacked layers, without `.weight`; each gives `outputs` features.
  public init(names: [String], inputs: Int, outputs: Int) {
    self.inputs = inputs
    self.outputs = outputs * names.count
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
  }

  public convenience init(name: String, inputs: Int, outputs: Int) {
    self.init(names: [name], inputs: inputs, outputs: outputs)
  }

  /// y [N, outputs] = x [N, inputs] W^T for these rows, without the bias.
  public func forward(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, rows: Range<Int>) {
    BLAS.multiply(
      Matrix(x + rows.lowerBound * inputs, stride: inputs), Matrix(weight.data, stride: inputs).transposed,
      into: y + rows.lowerBound * outputs, stride: outputs, m: rows.count, n: outputs, k: inputs)
  }

  /// dx [N, inputs] = dy [N, outputs] W for these rows; `adding` keeps what dx had.
  public func backwardInput(
    _ dy: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>, rows: Range<Int>, adding: Bool = false
  ) {
    BLAS.multiply(
      Matrix(dy + rows.lowerBound * outputs, stride: outputs), Matrix(weight.data, stride: inputs),
      into: dx + rows.lowerBound * inputs, stride: inputs, m: rows.count, n: inputs, k: outputs, beta: adding ? 1 : 0)
  }

  /// dW += dy^T x and db += the sum of dy's rows, for these outputs, over all N tokens.
  public func backwardWeights(
    _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, tokens: Int, outputs range: Range<Int>
  ) {
    BLAS.multiply(
      Matrix(dy + range.lowerBound, stride: outputs).transposed, Matrix(x, stride: inputs),
      into: weightGradient.data + range.lowerBound * inputs, stride: inputs, m: range.count, n: inputs, k: tokens,
      beta: 1)
    bias_backward(biasGradient.data, dy, tokens, outputs, range.lowerBound, range.upperBound)
  }

  /// y [N, outputs] += b for these rows, where no fused kernel does it.
  public func addBias(_ y: UnsafeMutablePointer<Float>, rows: Range<Int>) {
    bias_forward(y + rows.lowerBound * outputs, bias.data, rows.count, outputs)
  }

  /// How `backwardWeights` is cut for the pool.
  var weightChunks: [Range<Int>] { Range.chunks(of: outputs, size: 192) }
}
