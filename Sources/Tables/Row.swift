/// A row of a table: one buffer with all fields behind each other. Text is made only of the fields that are asked for.
public struct Row: Sendable {
  /// The physical line on which the row begins, from 1. A quoted field may hold line breaks, so this is not the row's
  /// number.
  public let line: Int
  let bytes: [UInt8]
  /// Where each field ends.
  let ends: [Int]

  public var count: Int { ends.count }

  /// The text of a field, without its quotes.
  public subscript(column: Int) -> String {
    withBytes(column) { String(decoding: $0, as: UTF8.self) }
  }

  /// Lends a field's bytes, which are valid UTF-8.
  public func withBytes<Result>(
    _ column: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result {
    let start = column == 0 ? 0 : ends[column - 1]
    let end = ends[column]
    return try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[start..<end])) }
  }

  /// All fields as text.
  public var fields: [String] { (0..<count).map { self[$0] } }
}
