import FileKit
import IntrayCore

/// Writes a table: header first, quotes only where RFC 4180 wants them, lines ending with LF.
///
/// (1) `TableReader` reads back the same fields, byte for byte. It finds the delimiter by itself, so in the header, and in
///     a table of one column, what might be taken for one is quoted too.
public final class TableWriter {
  /// Rows so far, the header not counted.
  public private(set) var rows = 0
  private let file: FileWriter
  private let columns: Int
  private let delimiter: UInt8

  /// - Parameter delimiter: `,` when nothing is said; `;`, tab and `|` read back as well.
  public convenience init(_ path: String, header: [String], delimiter: UInt8 = UInt8(ascii: ",")) throws {
    try self.init(FileWriter(path), header: header, delimiter: delimiter)
  }

  /// Into a file that somebody else publishes.
  public init(_ file: FileWriter, header: [String], delimiter: UInt8 = UInt8(ascii: ",")) throws {
    self.file = file
    self.delimiter = delimiter
    columns = header.count
    try writeLine(header, quoting: DelimiterDetection.candidates)
  }

  /// - Throws: `IntrayError(.bug)` when there are not as many fields as the header has.
  public func write(_ fields: [String]) throws {
    guard fields.count == columns else {
      throw IntrayError(.bug, "a row of \(fields.count) fields for a header of \(columns)", at: .init(file.path))
    }
    try writeLine(fields, quoting: columns == 1 ? DelimiterDetection.candidates : [delimiter])
    rows += 1
  }

  /// Flushes and closes the file.
  public func close(sync: Bool = false) throws {
    try file.close(sync: sync)
  }

  private func writeLine(_ fields: [String], quoting delimiters: [UInt8]) throws {
    var line: [UInt8] = []
    for (index, field) in fields.enumerated() {
      if index > 0 { line.append(delimiter) }
      if needsQuotes(field, delimiters) {
        line.append(UInt8(ascii: "\""))
        for byte in field.utf8 {
          if byte == UInt8(ascii: "\"") { line.append(byte) }
          line.append(byte)
        }
        line.append(UInt8(ascii: "\""))
      } else {
        line.append(contentsOf: field.utf8)
      }
    }
    line.append(UInt8(ascii: "\n"))
    try line.withUnsafeBytes { try file.write($0) }
  }

  private func needsQuotes(_ field: String, _ delimiters: [UInt8]) -> Bool {
    // An empty field that is alone on its line would be a blank line.
    if field.isEmpty { return columns == 1 }
    return field.utf8.contains { byte in
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\n"), UInt8(ascii: "\r"): true
      default: delimiters.contains(byte)
      }
    }
  }
}
