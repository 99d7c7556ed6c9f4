/// The rows of a table whose gradients may not be zero: those of the words that a batch has.
///
/// Who writes is the caller's affair, as with tensors.
public final class TouchedRows: @unchecked Sendable {
  /// Whether any row may have been touched; so it is until the first `clear`.
  public private(set) var isUnknown = true
  /// In the order in which they were touched.
  public private(set) var rows: [Int] = []
  private var flags: [Bool]

  public init(rows count: Int) { flags = [Bool](repeating: false, count: count) }

  public func clear() {
    for row in rows { flags[row] = false }
    rows.removeAll(keepingCapacity: true)
    isUnknown = false
  }

  /// - Parameter indices: of rows; the same one may come often.
  public func touch(_ indices: [Int32]) {
    guard !isUnknown else { return }
    for index in indices where !flags[Int(index)] {
      flags[Int(index)] = true
      rows.append(Int(index))
    }
  }

  public func contains(_ row: Int) -> Bool { isUnknown || flags[row] }
}
