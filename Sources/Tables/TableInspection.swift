import FileKit
import Foundation
import IntrayCore

/// How a file is read as a table: for a person who wonders what Intray sees in it.
public struct TableInspection: Codable, Sendable, Equatable {
  public struct Problem: Codable, Sendable, Equatable {
    public var line: Int?
    public var column: Int?
    /// The whole message, as a job would fail with it.
    public var message: String
  }

  /// How many problems are kept.
  public static let maximumProblems = 20

  public var file: String
  public var bytes: Int
  /// `comma`, `semicolon`, `tab` or `bar`.
  public var delimiter: String
  /// `UTF-8`, or `UTF-8 with byte order mark`.
  public var encoding: String
  /// `LF`, `CRLF`, `CR`, `mixed`, or `none` in a file of one line.
  public var lineEnding: String
  public var header: [String]
  /// Rows that can be read, the header not counted.
  public var rowCount: Int
  /// The first of them.
  public var rows: [[String]]
  /// The first `maximumProblems` faults; a job fails at the first.
  public var problems: [Problem]
  /// All faults.
  public var problemCount: Int

  /// Reads the whole file.
  ///
  /// - Parameter rows: How many rows to keep.
  /// - Throws: What reading the file throws; faults of its content become `problems`.
  public init(_ path: String, rows limit: Int) throws {
    file = URL(fileURLWithPath: path).lastPathComponent
    bytes = try Files.status(path)?.size ?? 0
    (delimiter, encoding, lineEnding, header) = ("comma", "UTF-8", "none", [])
    (rowCount, rows, problems, problemCount) = (0, [], [], 0)
    do {
      let records = try RecordReader(path, name: file, limits: .standard)
      delimiter =
        switch records.delimiter {
        case UInt8(ascii: ";"): "semicolon"
        case UInt8(ascii: "\t"): "tab"
        case UInt8(ascii: "|"): "bar"
        default: "comma"
        }
      if records.hasByteOrderMark { encoding = "UTF-8 with byte order mark" }
      defer {
        let endings = records.lineEndings
        lineEnding = endings.count > 1 ? "mixed" : endings.first?.rawValue ?? "none"
      }
      // Without a header there is nothing to hold the rows against.
      let table = try TableReader(records)
      header = table.header
      try read(table, limit)
    } catch let error as IntrayError where error.code == .data {
      note(error)
    }
  }

  private mutating func read(_ table: TableReader, _ limit: Int) throws {
    while true {
      do {
        guard let row = try table.next() else { break }
        rowCount += 1
        if rows.count < limit { rows.append(row.fields) }
      } catch let error as IntrayError where error.code == .data {
        note(error)
      }
    }
    if rowCount == 0 && problemCount == 0 {
      note(IntrayError(.data, "no rows after the header", at: .init(table.name)))
    }
  }

  private mutating func note(_ error: IntrayError) {
    problemCount += 1
    guard problems.count < Self.maximumProblems else { return }
    problems.append(
      Problem(line: error.location?.line, column: error.location?.column, message: error.description))
  }
}
