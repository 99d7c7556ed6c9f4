import Foundation
import Tensors
import Testing

@Suite struct TensorTests {
  @Test func aTensorIsZeroAndAligned() {
    for shape in [[], [0], [1], [3, 5], [1000, 33]] {
      let tensor = Tensor(shape)
      #expect(UInt(bitPattern: tensor.data) % 64 == 0)
      #expect(tensor.count == shape.reduce(1, *))
      #expect(tensor.elements.allSatisfy { $0 == 0 })
    }
  }

  @Test func aPartSharesMemoryAndKeepsItAlive() {
    var whole: Tensor? = Tensor([2, 3], [1, 2, 3, 4, 5, 6])
    let part = whole.map { Tensor([3], partOf: $0, at: 3) }
    #expect(part?.elements == [4, 5, 6])
    part?[0] = 9
    #expect(whole?[3] == 9)
    whole = nil
    #expect(part?.elements == [9, 5, 6])
  }

  @Test func aBufferGrowsAndStays() {
    let buffer = Buffer()
    buffer.reserve(100)
    let first = buffer.data
    buffer.reserve(50)
    #expect(buffer.data == first)
    buffer.reserve(10_000)
    buffer.data[9_999] = 1
    #expect(UInt(bitPattern: buffer.data) % 64 == 0)
  }

  @Test func aPackedBatchKnowsItsSequences() {
    let batch = PackedBatch([([5, 6, 7], [0, 0, 1]), ([8], [0])])
    #expect(batch.ids == [5, 6, 7, 8])
    #expect(batch.segments == [0, 0, 1, 0])
    #expect(batch.positions == [0, 1, 2, 0])
    #expect(batch.offsets == [0, 3, 4])
    #expect(batch.sequences == 2)
    #expect(batch.tokens == 4)
    #expect(batch.longest == 3)
    #expect(batch.range(1) == 3..<4)
  }
}

@Suite struct MatrixTests {
  /// The product by its definition.
  func product(_ a: [Float], _ b: [Float], m: Int, n: Int, k: Int) -> [Float] {
    (0..<m * n).map { index in
      let (i, j) = (index / n, index % n)
      return Float((0..<k).reduce(0.0) { $0 + Double(a[i * k + $1]) * Double(b[$1 * n + j]) })
    }
  }

  func transpose(_ x: [Float], rows: Int, columns: Int) -> [Float] {
    (0..<rows * columns).map { x[$0 % rows * columns + $0 / rows] }
  }

  @Test(arguments: [(1, 1, 1), (3, 5, 7), (33, 17, 65), (128, 150, 8)]) func productsEqualTheirDefinition(
    m: Int, n: Int, k: Int
  ) throws {
    try BLAS.load()
    var random = CounterRandom(seed: 1, purpose: 1)
    let (a, b) = (Tensor([m, k]), Tensor([k, n]))
    random.fillNormal(a, deviation: 1)
    random.fillNormal(b, deviation: 1)
    let expected = product(a.elements, b.elements, m: m, n: n, k: k)
    let at = Tensor([k, m], transpose(a.elements, rows: m, columns: k))
    let bt = Tensor([n, k], transpose(b.elements, rows: k, columns: n))
    let pairs = [
      (Matrix(a.data, stride: k), Matrix(b.data, stride: n)),
      (Matrix(a.data, stride: k), Matrix(bt.data, stride: k).transposed),
      (Matrix(at.data, stride: m).transposed, Matrix(b.data, stride: n)),
    ]
    for (left, right) in pairs {
      let c = Tensor([m, n])
      c.fill(.nan)
      BLAS.multiply(left, right, into: c.data, stride: n, m: m, n: n, k: k)
      for (found, wanted) in zip(c.elements, expected) { #expect(abs(found - wanted) < 1e-4) }
      BLAS.multiply(left, right, into: c.data, stride: n, m: m, n: n, k: k, alpha: 2, beta: 1)
      for (found, wanted) in zip(c.elements, expected) { #expect(abs(found - 3 * wanted) < 1e-3) }
    }
  }

  @Test func theKernelsFitTheCPU() throws {
    let wish = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] ?? BLAS.fittingCore
    let core = try BLAS.core()
    #expect(!core.isEmpty)
    if let wish { #expect(core.lowercased() == wish.lowercased()) }
  }
}
