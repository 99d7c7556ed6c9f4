import CKernels

/// The right factor of a product, packed (`struct product`): [depth, columns].
public final class Panels: @unchecked Sendable {
  public let precision: Precision
  public private(set) var columns = 0
  public private(set) var depth = 0
  private let buffer = Buffer()
  /// With int8: of each column.
  private let scales = Buffer()
  private let sums = Buffer()

  public init(_ precision: Precision) { self.precision = precision }

  public var words: Int { precision.words(depth) }
  public var data: UnsafeMutablePointer<Int32> { buffer.bytes.assumingMemoryBound(to: Int32.self) }

  /// What was packed is lost.
  public func reserve(columns: Int, depth: Int) {
    self.columns = columns
    self.depth = depth
    buffer.reserve(bytes: panels_size(columns, words))
  }

  /// Packs the columns in `range` from weights [columns, depth]; `range` begins at a multiple of 32.
  public func pack(transposed weight: Tensor, _ range: Range<Int>) {
    pack_transposed(
      data, precision.element, weight.data, element_fp32, depth, columns, depth, range.lowerBound, range.upperBound)
  }

  /// Packs all columns from weights [columns, depth].
  public func pack(transposed weight: Tensor) {
    guard precision == .int8 else { return pack(transposed: weight, 0..<columns) }
    scales.reserve(bytes: columns * 4)
    sums.reserve(bytes: columns * 4)
    pack_int8(data, scales.floats, sums.bytes.assumingMemoryBound(to: Int32.self), weight.data, columns, depth)
  }

  /// Packs these rows of a matrix [depth, columns] of which x has only these rows.
  public func pack(rows: Range<Int>, ofPart x: UnsafeRawPointer, _ from: Precision) {
    pack(rows: rows, of: x - rows.lowerBound * columns * from.size, from)
  }

  /// Packs these rows of x [depth, columns], numbers of type `from`; `rows` begins at a multiple of 2, and ends at one or
  /// at the end.
  public func pack(rows: Range<Int>, of x: UnsafeRawPointer, _ from: Precision) {
    pack_rows(
      data, precision.element, x, from.element, columns, columns, depth, rows.lowerBound / precision.perWord,
      precision.words(rows.upperBound))
  }

  /// The scale and the moved sum of each column, with int8.
  func quantisation() -> (scale: UnsafePointer<Float>, sum: UnsafePointer<Int32>)? {
    precision == .int8
      ? (UnsafePointer(scales.floats), UnsafePointer(sums.bytes.assumingMemoryBound(to: Int32.self))) : nil
  }
}

extension CKernels.product {
  /// Rows of a matrix [rows, depth] times packed columns.
  public init(rows: Int, of a: UnsafeRawPointer, by b: Panels, scales: UnsafePointer<Float>? = nil) {
    self.init()
    element = b.precision.element
    self.a = a
    a_row = b.depth * b.precision.size
    a_word = 4
    a_panel = a_row * Int(panel_columns)
    self.b = UnsafePointer(b.data)
    self.rows = rows
    columns = b.columns
    words = b.words
    if let (scale, sum) = b.quantisation() {
      a_scale = scales
      b_scale = scale
      b_sum = sum
    }
  }

  /// The packed columns of one factor, `range` of them beginning at a multiple of 32, times those of another: both were
  /// packed from rows of the same depth.
  public init(columns range: Range<Int>, of a: Panels, by b: Panels) {
    self.init()
    precondition(a.depth == b.depth && a.precision == b.precision, "factors of another depth or precision")
    element = b.precision.element
    self.a = UnsafeRawPointer(a.data + range.lowerBound * a.words)
    a_row = 4
    a_word = 4 * Int(panel_columns)
    a_panel = a.words * 4 * Int(panel_columns)
    self.b = UnsafePointer(b.data)
    rows = range.count
    columns = b.columns
    words = b.words
  }

  /// c, floats, gets the result; `adding` keeps what it had.
  public mutating func store(_ c: UnsafeMutablePointer<Float>, adding: Bool = false) {
    finish = adding ? finish_add : finish_store
    self.c = UnsafeMutableRawPointer(c)
    c_row = columns
    multiply(&self)
  }

  /// c, elements, gets the result + bias.
  public mutating func store(_ c: UnsafeMutableRawPointer, bias: Tensor? = nil) {
    finish = finish_bias
    self.c = c
    c_row = columns
    self.bias = bias.map { UnsafePointer($0.data) }
    multiply(&self)
  }

  /// c, elements, gets f(result + bias), and `kept`, where there is one, what f was taken of.
  public mutating func store(
    _ c: UnsafeMutableRawPointer, _ f: CKernels.activation, bias: Tensor, kept: UnsafeMutableRawPointer?
  ) {
    finish = finish_activation
    activation = f
    self.c = c
    c_row = columns
    self.bias = UnsafePointer(bias.data)
    self.kept = kept
    multiply(&self)
  }

  /// c, elements, gets the result * f'(kept), and kept becomes f(kept).
  public mutating func store(
    _ c: UnsafeMutableRawPointer, slopeOf f: CKernels.activation, kept: UnsafeMutableRawPointer
  ) {
    finish = finish_slope
    activation = f
    self.c = c
    c_row = columns
    self.kept = kept
    multiply(&self)
  }
}
