import FileKit
import Foundation
import IntrayCore
import Tables

/// The labels of all files, in the order of their first appearance.
struct LabelNames {
  /// As many as a classifier may have.
  static let limit = 4096
  /// Of a longer label only the beginning is shown.
  static let characters = 200

  private(set) var names: [String] = []
  private var index = HashIndex()

  var count: Int { names.count }

  mutating func enter(_ label: UnsafeBufferPointer<UInt8>, file: String, line: Int) throws -> Int32 {
    guard let number = index.enter(ByteHash.of(label), limit: Self.limit) else {
      throw IntrayError(
        .data, "more than \(Self.limit) different labels", at: .init(file, line: line),
        hint: "is data.columns.label the right column?")
    }
    if number == names.count { names.append(RowBlocks.shown(label, characters: Self.characters)) }
    return Int32(number)
  }
}

/// A file's rows in blocks: so many that threads have something to share, and so few that memory stays small.
final class RowBlocks {
  static let mostRows = 2048
  static let mostBytes = 8 << 20
  /// Of a longer id only the beginning is kept.
  static let idCharacters = 60

  struct Block {
    var rows: [Row] = []
    /// Of each row; negative where it has none.
    var labels: [Int32] = []
    /// The number of the first row, from 0.
    var start = 0
    var bytes = 0
  }

  let name: String
  private let columns: TextColumns
  private let reader: TableReader
  private var count = 0
  /// Rows whose label is empty.
  private(set) var missingLabels = RowCount()

  var texts: [Int] { columns.texts }
  var hasLabels: Bool { columns.label != nil }

  /// - Parameter needsLabels: whether a label column that is named must be there.
  /// - Throws: what `TextColumns` throws.
  init(_ path: String, columns: Columns, needsLabels: Bool) throws {
    reader = try TableReader(path)
    name = reader.name
    self.columns = try TextColumns(columns, in: reader, labels: needsLabels ? .asNamed : .optional)
  }

  /// The next rows; an empty block at the end.
  func next(_ labels: inout LabelNames) throws -> Block {
    var block = Block(start: count)
    while block.rows.count < Self.mostRows, block.bytes < Self.mostBytes, let row = try reader.next() {
      for column in 0..<row.count { block.bytes += row.withBytes(column) { $0.count } + 1 }
      var number: Int32 = -1
      if let label = columns.label {
        try row.withBytes(label) { bytes in
          if bytes.allSatisfy(Self.isSpace) {
            missingLabels.add(line: row.line)
          } else {
            number = try labels.enter(bytes, file: name, line: row.line)
          }
        }
      }
      block.rows.append(row)
      block.labels.append(number)
    }
    count += block.rows.count
    return block
  }

  /// The row's id as it is shown; its number from 1 where the file has none.
  func id(of row: Row, number: Int) -> String {
    columns.id.map { row.withBytes($0) { Self.shown($0, characters: Self.idCharacters) } } ?? String(number + 1)
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  /// The beginning of a text, on one line.
  static func shown(_ bytes: UnsafeBufferPointer<UInt8>, characters: Int) -> String {
    // A character that a person sees may take many bytes, but not any number.
    let text = String(decoding: bytes.prefix(characters * 16), as: UTF8.self)
    let line = text.prefix(characters).map { $0.isNewline ? " " : $0 }
    return String(line) + (text.count > characters || bytes.count > characters * 16 ? "\u{2026}" : "")
  }
}
