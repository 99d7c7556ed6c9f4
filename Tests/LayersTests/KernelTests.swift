import CKernels
import Foundation
import IntrayCore
import Layers
import Safetensors
import Tensors
import TestSupport
import Testing

/// What PyTorch computed, from Tests/Fixtures/engine/ops.safetensors.
struct Operations {
  let file: SafetensorsFile

  init() throws { file = try SafetensorsFile(Checkout.fixture("engine/ops.safetensors")) }

  func tensor(_ name: String) throws -> Tensor {
    guard let entry = file.entry(name) else { throw IntrayError(.missing, "no tensor \(name)") }
    let tensor = Tensor(entry.shape)
    try file.read(name, shape: entry.shape, into: tensor.buffer)
    return tensor
  }

  func integers(_ name: String) throws -> [Int32] {
    guard let entry = file.entry(name) else { throw IntrayError(.missing, "no tensor \(name)") }
    return stride(from: 0, to: entry.bytes.count, by: 4).map {
      entry.bytes.loadUnaligned(fromByteOffset: $0, as: Int32.self)
    }
  }
}

/// Each element within `tolerance`, relative to the larger of 1 and the expected element.
func expectEqual(
  _ found: Tensor, _ expected: Tensor, within tolerance: Float, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(found.count == expected.count, comment, sourceLocation: sourceLocation)
  let worst = zip(found.elements, expected.elements).map { found, wanted in
    found.isFinite ? abs(found - wanted) / max(1, abs(wanted)) : .infinity
  }.max()
  #expect(worst ?? 0 <= tolerance, comment, sourceLocation: sourceLocation)
}

func noDropout() -> dropout { dropout(rate: 0, key: nil, site: .head) }

func normal(_ shape: [Int], _ index: UInt64) -> Tensor {
  let tensor = Tensor(shape)
  var random = CounterRandom(seed: 11, purpose: 0, index: index)
  random.fillNormal(tensor, deviation: 1)
  return tensor
}

/// The slope of `loss` along each of a few elements of x equals the gradient's element, by central differences.
func expectSlopes(
  _ x: Tensor, _ gradient: Tensor, step: Float = 1e-2, within tolerance: Double = 2e-3, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation, loss: () -> Double
) {
  for index in stride(from: 0, to: x.count, by: max(1, x.count / 23)) {
    let start = x[index]
    x[index] = start + step
    let above = loss()
    x[index] = start - step
    let below = loss()
    x[index] = start
    let slope = (above - below) / Double(2 * step)
    let expected = Double(gradient[index])
    #expect(
      abs(slope - expected) < tolerance * max(1, abs(expected)), comment, sourceLocation: sourceLocation)
  }
}

func dot(_ a: Tensor, _ b: Tensor) -> Double {
  zip(a.elements, b.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

@Suite struct ActivationKernelTests {
  static let kinds: [(String, activation)] = [
    ("gelu", activation_gelu), ("gelu_tanh", activation_gelu_tanh), ("relu", activation_relu),
  ]

  @Test(arguments: 0..<3) func valuesAndSlopesEqualThoseOfPyTorch(kind: Int) throws {
    let (name, function) = Self.kinds[kind]
    let operations = try Operations()
    let x = try operations.tensor("activation.x")
    // What follows a product: here each row's only element times 1.
    let one = Panels(.fp32)
    one.reserve(columns: 1, depth: 1)
    one.pack(transposed: Tensor([1, 1], [1]))
    let bias = Tensor([1], [0.5])
    let shifted = Tensor(x.shape, x.elements.map { $0 - 0.5 })
    let (y, kept) = (Tensor(x.shape), Tensor(x.shape))
    var forward = product(rows: x.count, of: shifted.data, by: one)
    forward.store(UnsafeMutableRawPointer(y.data), function, bias: bias, kept: kept.data)
    expectEqual(y, try operations.tensor("activation.\(name)"), within: 1e-6)
    expectEqual(kept, x, within: 1e-6)
    let (ones, dx) = (Tensor(x.shape), Tensor(x.shape))
    ones.fill(1)
    kept.copy(from: x)
    var backward = product(rows: x.count, of: ones.data, by: one)
    backward.store(UnsafeMutableRawPointer(dx.data), slopeOf: function, kept: kept.data)
    expectEqual(dx, try operations.tensor("activation.\(name).slope"), within: 3e-6)
    expectEqual(kept, try operations.tensor("activation.\(name)"), within: 1e-6)
  }

  @Test func tanhHasItsSlope() {
    let x = normal([101], 1)
    let (y, dx, ones) = (Tensor([101]), Tensor([101]), normal([101], 2))
    tanh_forward(y.data, x.data, 101)
    for index in 0..<101 { #expect(abs(y[index] - Float(tanh(Double(x[index])))) < 1e-6) }
    tanh_backward(dx.data, ones.data, y.data, 101)
    expectSlopes(x, dx) {
      tanh_forward(y.data, x.data, 101)
      return dot(y, ones)
    }
  }

  @Test func aBiasIsAddedToRowsAndItsGradientIsTheirSum() {
    let y = Tensor([2, 3], [1, 2, 3, 4, 5, 6])
    let bias = Tensor([3], [10, 20, 30])
    bias_forward(y.data, bias.data, 2, 3)
    #expect(y.elements == [11, 22, 33, 14, 25, 36])
    for precision in [Precision.fp32, .bf16] {
      let dy = Panels(precision)
      dy.reserve(columns: 3, depth: 2)
      dy.pack(rows: 0..<2, of: y.data, .fp32)
      let dbias = Tensor([3], [1, 1, 1])
      bias_backward(dbias.data, precision.element, dy.data, 3, dy.words)
      #expect(dbias.elements == [26, 48, 70])
    }
  }
}

@Suite struct LayerNormKernelTests {
  @Test(arguments: [(1, 1), (3, 7), (5, 33), (4, 384)]) func forwardAndBackwardEqualThoseOfPyTorch(
    rows: Int, features: Int
  )
    throws
  {
    let operations = try Operations()
    func tensor(_ name: String) throws -> Tensor { try operations.tensor("layernorm.\(rows)x\(features).\(name)") }
    let (x, weight, bias, dy) = (try tensor("x"), try tensor("weight"), try tensor("bias"), try tensor("dy"))
    let (y, normal, rstd) = (Tensor([rows, features]), Tensor([rows, features]), Tensor([rows]))
    layernorm_forward(
      y.data, normal.data, rstd.data, element_fp32, x.data, weight.data, bias.data, features > 1 ? 1e-12 : 1e-5, rows,
      features)
    expectEqual(y, try tensor("y"), within: 5e-6)
    let (dx, dweight, dbias) = (Tensor([rows, features]), Tensor([features]), Tensor([features]))
    layernorm_backward(
      dx.data, dweight.data, dbias.data, element_fp32, dy.data, normal.data, rstd.data, weight.data, rows, features)
    expectEqual(dx, try tensor("dx"), within: 1e-5)
    expectEqual(dweight, try tensor("dweight"), within: 1e-5)
    expectEqual(dbias, try tensor("dbias"), within: 1e-5)
  }

  @Test(arguments: [(1, 5, 0.0), (3, 33, 0.3), (4, 130, 0.1)]) func theFusedOneHasItsSlopes(
    rows: Int, features: Int, rate: Double
  ) {
    let (x, residual, bias) = (normal([rows, features], 1), normal([rows, features], 2), normal([features], 3))
    let (weight, offset, dy) = (normal([features], 4), normal([features], 5), normal([rows, features], 6))
    let (sum, y, kept) = (Tensor([rows, features]), Tensor([rows, features]), Tensor([rows, features]))
    let rstd = Tensor([rows])
    var mask = dropout(rate: rate, key: DropoutKey(seed: 3, step: 4), site: .output(layer: 1))
    func loss() -> Double {
      sum.copy(from: x)
      residual_layernorm_forward(
        y.data, kept.data, rstd.data, element_fp32, sum.data, bias.data, residual.data, weight.data, offset.data, 1e-5,
        &mask, 7, rows, features)
      return dot(y, dy)
    }
    _ = loss()
    let inference = Tensor([rows, features])
    sum.copy(from: x)
    residual_layernorm_forward(
      inference.data, nil, nil, element_fp32, sum.data, bias.data, residual.data, weight.data, offset.data, 1e-5, &mask,
      7, rows, features)
    expectEqual(inference, y, within: 1e-6)
    let (dresidual, ddense, dweight, doffset) = (
      Tensor([rows, features]), Tensor([rows, features]), Tensor([features]), Tensor([features])
    )
    dresidual.copy(from: dy)
    residual_layernorm_backward(
      dresidual.data, ddense.data, dweight.data, doffset.data, element_fp32, kept.data, rstd.data, weight.data, &mask,
      7,
      rows, features)
    let dbias = Tensor([features])
    for row in 0..<rows { bias_forward(dbias.data, ddense.data + row * features, 1, features) }
    expectSlopes(residual, dresidual, within: 5e-3, "residual", loss: loss)
    expectSlopes(x, ddense, within: 5e-3, "dense", loss: loss)
    expectSlopes(bias, dbias, within: 5e-3, "dense bias", loss: loss)
    expectSlopes(weight, dweight, within: 5e-3, "weight", loss: loss)
    expectSlopes(offset, doffset, within: 5e-3, "bias", loss: loss)
  }
}

@Suite struct LossKernelTests {
  @Test func crossEntropyEqualsThatOfPyTorch() throws {
    let operations = try Operations()
    let logits = try operations.tensor("loss.logits")
    let labels = try operations.integers("loss.labels")
    let gradient = Tensor([7, 5])
    let sum = cross_entropy(gradient.data, logits.data, labels, 1 / 7, 7, 5)
    #expect(abs(sum / 7 - Double(try operations.tensor("loss.loss")[0])) < 1e-6)
    expectEqual(gradient, try operations.tensor("loss.gradient"), within: 1e-7)
  }

  @Test func largeLogitsDoNotOverflow() {
    let gradient = Tensor([1, 2])
    let logits = Tensor([1, 2], [1e30, -1e30])
    #expect(cross_entropy(gradient.data, logits.data, [0], 1, 1, 2) == 0)
    #expect(gradient.elements == [0, 0])
  }
}

@Suite struct EmbeddingKernelTests {
  @Test func rowsAreGatheredAndTheirGradientsScattered() {
    let features = 5
    let (word, type, position) = (normal([7, features], 1), normal([2, features], 2), normal([4, features], 3))
    let ids: [Int32] = [6, 0, 6, 3]
    let segments: [Int32] = [0, 1, 1, 0]
    let positions: [Int32] = [0, 1, 2, 0]
    let out = Tensor([4, features])
    embedding_forward(out.data, ids, segments, positions, word.data, type.data, position.data, 4, features)
    for n in 0..<4 {
      for h in 0..<features {
        let sum =
          word[Int(ids[n]) * features + h] + type[Int(segments[n]) * features + h]
          + position[Int(positions[n]) * features + h]
        #expect(out[n * features + h] == sum)
      }
    }
    let dword = Tensor([7, features])
    dword.fill(1)
    let dout = normal([4, features], 4)
    embedding_backward(dword.data, ids, dout.data, 4, features, 0, 3)
    embedding_backward(dword.data, ids, dout.data, 4, features, 3, features)
    for h in 0..<features {
      #expect(dword[6 * features + h] == 1 + dout[h] + dout[2 * features + h])
      #expect(dword[3 * features + h] == 1 + dout[3 * features + h])
      #expect(dword[features + h] == 1)
    }
  }

  @Test func theMeanAndItsGradient() {
    let x = Tensor([3, 2], [1, 2, 3, 4, 5, 9])
    let out = Tensor([2])
    mean_forward(out.data, x.data, element_fp32, 3, 2)
    #expect(out.elements == [3, 5])
    mean_backward(x.data, out.data, 3, 2)
    for (found, wanted) in zip(x.elements, [1, 5.0 / 3, 1, 5.0 / 3, 1, 5.0 / 3]) {
      #expect(abs(found - Float(wanted)) < 1e-6)
    }
  }
}
