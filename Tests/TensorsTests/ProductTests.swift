import CKernels
import Tensors
import Testing

/// Products of every shape, in every precision, with every set of instructions that this CPU has, against the sum by its
/// definition in double.
@Suite struct ProductTests {
  static let shapes = [
    (1, 1, 4), (3, 5, 8), (8, 32, 12), (9, 33, 64), (33, 17, 68), (40, 100, 4), (131, 65, 200), (70, 40, 1100),
  ]

  static func variants(_ precision: Precision) -> [instructions] {
    [instructions_plain, instructions_avx2, instructions_avx512, instructions_dot, instructions_amx].filter {
      $0.rawValue <= best_instructions(precision.element).rawValue
    }
  }

  static func normal(_ shape: [Int], _ index: UInt64) -> Tensor {
    let tensor = Tensor(shape)
    var random = CounterRandom(seed: 1, purpose: 1, index: index)
    random.fillNormal(tensor, deviation: 1)
    return tensor
  }

  /// The nearest bfloat16, halves to even, as a float.
  static func rounded(_ x: Float) -> Float {
    Float(bitPattern: (x.bitPattern &+ 0x7fff &+ (x.bitPattern >> 16 & 1)) & 0xffff_0000)
  }

  /// The bfloat16 numbers of a tensor.
  static func halves(_ tensor: Tensor) -> [UInt16] {
    tensor.elements.map { UInt16(truncatingIfNeeded: rounded($0).bitPattern >> 16) }
  }

  /// a [m, k] times the transposed b [n, k].
  static func expected(_ a: [Float], _ b: [Float], m: Int, n: Int, k: Int) -> [Float] {
    (0..<m * n).map { index in
      let (i, j) = (index / n, index % n)
      return Float((0..<k).reduce(0.0) { $0 + Double(a[i * k + $1]) * Double(b[j * k + $1]) })
    }
  }

  static func expectEqual(_ found: [Float], _ wanted: [Float], within tolerance: Float, _ comment: Comment) {
    let worst = zip(found, wanted).map { $0.isFinite ? abs($0 - $1) / max(1, abs($1)) : .infinity }.max() ?? 0
    #expect(worst < tolerance, comment)
  }

  @Test(arguments: shapes) func rowsTimesPackedColumns(m: Int, n: Int, k: Int) {
    let (a, b) = (Self.normal([m, k], 1), Self.normal([n, k], 2))
    for precision in [Precision.fp32, .bf16] {
      let isHalf = precision == .bf16
      let expected = Self.expected(
        isHalf ? a.elements.map(Self.rounded) : a.elements, isHalf ? b.elements.map(Self.rounded) : b.elements, m: m,
        n: n, k: k)
      let panels = Panels(precision)
      panels.reserve(columns: n, depth: k)
      for range in Range.chunks(of: n, size: 32, multiple: 32) { panels.pack(transposed: b, range) }
      let left = isHalf ? Self.halves(a).withUnsafeBytes { Array($0) } : Array(a.bytes)
      left.withUnsafeBytes { left in
        for variant in Self.variants(precision) {
          let c = Tensor([m, n])
          c.fill(.nan)
          guard let base = left.baseAddress else { return }
          var product = CKernels.product(rows: m, of: base, by: panels)
          product.finish = finish_store
          product.c = UnsafeMutableRawPointer(c.data)
          product.c_row = n
          multiply_with(&product, variant)
          Self.expectEqual(c.elements, expected, within: 1e-4, "\(precision) \(variant)")
          product.finish = finish_add
          multiply_with(&product, variant)
          Self.expectEqual(c.elements, expected.map { 2 * $0 }, within: 2e-4, "\(precision) \(variant) added")
        }
      }
    }
  }

  @Test(arguments: shapes) func columnsTimesColumns(m: Int, n: Int, k: Int) {
    // Both factors are packed by their rows: the weights' gradients. An odd depth leaves half a word empty.
    for depth in [k, k - 1] {
      let (a, b) = (Self.normal([depth, m], 1), Self.normal([depth, n], 2))
      for precision in [Precision.fp32, .bf16] {
        let (left, right) = (Panels(precision), Panels(precision))
        left.reserve(columns: m, depth: depth)
        right.reserve(columns: n, depth: depth)
        for range in Range.chunks(of: depth, size: 24, multiple: 8) {
          left.pack(rows: range, of: a.data, .fp32)
          right.pack(rows: range, of: b.data, .fp32)
        }
        func rounded(_ x: Float) -> Float { precision == .bf16 ? Self.rounded(x) : x }
        // The definition again, with both factors turned.
        func turned(_ x: Tensor, _ columns: Int) -> [Float] {
          (0..<columns * depth).map { rounded(x[$0 % depth * columns + $0 / depth]) }
        }
        let expected = Self.expected(turned(a, m), turned(b, n), m: m, n: n, k: depth)
        for variant in Self.variants(precision) {
          let c = Tensor([m, n])
          var product = CKernels.product(columns: 0..<m, of: left, by: right)
          product.finish = finish_store
          product.c = UnsafeMutableRawPointer(c.data)
          product.c_row = n
          multiply_with(&product, variant)
          Self.expectEqual(c.elements, expected, within: 1e-4, "\(precision) \(variant)")
        }
        // A cut by columns gives the same bits.
        let (whole, parts) = (Tensor([m, n]), Tensor([m, n]))
        var product = CKernels.product(columns: 0..<m, of: left, by: right)
        product.store(whole.data)
        for range in Range.chunks(of: m, size: 32, multiple: 32) where !range.isEmpty {
          var part = CKernels.product(columns: range, of: left, by: right)
          part.store(parts.data + range.lowerBound * n)
        }
        #expect(whole.elements == parts.elements)
      }
    }
  }

  @Test func bfloat16IsRoundedToTheNearest() {
    let values: [Float] = [
      0, -0.0, 1, 1.00390625, 1.01171875, -3.1415927, 65504, 3.3e38, .infinity, -.infinity, .nan, 1e-30,
    ]
    let x = Tensor([values.count, 1], values)
    let panels = Panels(.bf16)
    panels.reserve(columns: 1, depth: values.count)
    panels.pack(rows: 0..<values.count, of: x.data, .fp32)
    for (index, value) in values.enumerated() {
      let word = UInt32(bitPattern: panels.data[index / 2 * 32])
      let found = Float(bitPattern: index % 2 == 0 ? word << 16 : word & 0xffff_0000)
      #expect(value.isNaN ? found.isNaN : found == Self.rounded(value), "\(value) became \(found)")
    }
  }

  @Test(arguments: shapes) func bytesComeCloseToFloats(m: Int, n: Int, k: Int) {
    let (a, b) = (Self.normal([m, k], 1), Self.normal([n, k], 2))
    let panels = Panels(.int8)
    panels.reserve(columns: n, depth: k)
    panels.pack(transposed: b)
    var bytes = [UInt8](repeating: 0, count: m * k)
    var scales = [Float](repeating: 0, count: m)
    quantise_rows(&bytes, &scales, a.data, element_fp32, m, k)
    // What the bytes stand for, multiplied in double: the sums of bytes are exact.
    let left = (0..<m * k).map { (Float(bytes[$0]) - 128) * scales[$0 / k] }
    let right = (0..<n).flatMap { j -> [Float] in
      let row = b.elements[j * k..<(j + 1) * k]
      let unit = (row.map(abs).max() ?? 0) / 127
      return row.map { ($0 / unit).rounded(.toNearestOrAwayFromZero) * unit }
    }
    let expected = Self.expected(left, right, m: m, n: n, k: k)
    let norm = (Double(k)).squareRoot()
    for (value, original) in zip(left, a.elements) { #expect(abs(value - original) < 0.05) }
    for variant in Self.variants(.int8) {
      let c = Tensor([m, n])
      bytes.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        var product = CKernels.product(rows: m, of: base, by: panels, scales: scales)
        product.finish = finish_store
        product.c = UnsafeMutableRawPointer(c.data)
        product.c_row = n
        multiply_with(&product, variant)
      }
      for (found, wanted) in zip(c.elements, expected) {
        #expect(abs(Double(found - wanted)) < 1e-4 * norm, "\(variant)")
      }
    }
  }

  @Test func aRowOfZerosStaysZero() {
    var bytes = [UInt8](repeating: 0, count: 8)
    var scales: [Float] = [0, 0]
    quantise_rows(&bytes, &scales, [0, 0, 0, 0, 1, -1, 0.5, 0] as [Float], element_fp32, 2, 4)
    #expect(bytes == [128, 128, 128, 128, 255, 1, 192, 128])
    #expect(scales == [1, 1 / 127])
  }
}
