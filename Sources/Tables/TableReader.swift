import FileKit
import Foundation
import IntrayCore

/// Reads a CSV or TSV file with a header, row by row, in bounded memory.
///
/// Read as RFC 4180 says, and further: the delimiter is one of `,` `;` tab `|`, as found in the first lines; lines end
/// with LF, CRLF or CR; a byte order mark is passed by; blank lines are passed by where a row has more than one field. The
/// text must be UTF-8.
///
/// ```swift
/// let table = try TableReader("train.csv")
/// let title = try table.column("title")
/// while let row = try table.next() { print(row.line, row[title]) }
/// ```
public final class TableReader {
  /// As error messages name the file.
  public let name: String
  public let header: [String]
  public var delimiter: UInt8 { records.delimiter }

  private let records: RecordReader

  /// Opens the file and reads its header.
  ///
  /// - Parameter name: The file's name in error messages; the last part of `path` when nil.
  /// - Throws: `IntrayError(.data)` with the line for an empty file, names in the header that are missing or there twice,
  ///   and all that `next` throws.
  public convenience init(_ path: String, name: String? = nil, limits: TableLimits = .standard) throws {
    let name = name ?? URL(fileURLWithPath: path).lastPathComponent
    try self.init(RecordReader(path, name: name, limits: limits))
  }

  init(_ records: RecordReader) throws {
    self.records = records
    name = records.name
    guard let row = try records.next() else {
      throw IntrayError(
        .data, "the file is empty", at: .init(name), hint: "it needs a header line with the names of the columns")
    }
    header = row.fields
    var columns: [String: Int] = [:]
    for (index, column) in header.enumerated() {
      if column.isEmpty {
        throw IntrayError(
          .data, header.count == 1 ? "the header is an empty line" : "column \(index + 1) has no name",
          at: .init(name, line: row.line), hint: "the first line holds the names of the columns")
      }
      if let first = columns.updateValue(index + 1, forKey: column) {
        throw IntrayError(
          .data, "columns \(first) and \(index + 1) have the same name '\(column)'", at: .init(name, line: row.line))
      }
    }
  }

  /// The index of a column.
  ///
  /// - Throws: `train.csv:1: no column 'abstract'; the header has paperid, title, abstrct; did you mean 'abstrct'?`
  public func column(_ name: String) throws -> Int {
    if let index = header.firstIndex(of: name) { return index }
    let shown = header.prefix(20).joined(separator: ", ")
    let rest = header.count > 20 ? " and \(header.count - 20) more" : ""
    let near = Suggestion.nearest(to: name, among: header).map { "; did you mean '\($0)'?" } ?? ""
    throw IntrayError(
      .data, "no column '\(name)'", at: .init(self.name, line: 1), hint: "the header has \(shown)\(rest)\(near)")
  }

  /// The next row; nil at the end of the file. Every row has as many fields as the header.
  ///
  /// - Throws: `IntrayError(.data)` with the line: a quote that is not closed or stands inside a field, a wrong number of
  ///   fields, NUL, text that is not UTF-8, more than the limits allow. The next call goes on behind the broken row.
  public func next() throws -> Row? { try records.next() }
}
