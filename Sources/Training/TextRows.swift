import IntrayCore
import Tables

/// One row as a classifier sees it.
public struct TextRow: Sendable, Equatable {
  /// The physical line in the file where the row starts, from 1.
  public var line: Int
  /// The value of the id column, or the row's number from 1 where there is none.
  public var id: String
  public var first: String
  /// The second text of a sentence pair.
  public var second: String?
  /// nil where the file has no label column.
  public var label: String?
  /// The id of the row that this one is a copy of, nil for all rows that are none; see `Lineage`.
  public var parent: String?

  public init(line: Int, id: String, first: String, second: String?, label: String?, parent: String? = nil) {
    self.line = line
    self.id = id
    self.first = first
    self.second = second
    self.label = label
    self.parent = parent
  }
}

/// The rows of a table, one at a time: memory does not grow with the file.
public final class TextRows {
  /// The file's name as errors show it.
  public let name: String
  /// Whether the rows carry labels.
  public var hasLabels: Bool { columns.label != nil }
  private let reader: TableReader
  private let columns: TextColumns
  private let parent: Int?
  private var count = 0

  /// - Parameter labels: `required` for training and validation, where no cell may be empty, either; `optional` for
  ///   predictions, which are measured against them.
  /// - Throws: what `TextColumns` throws.
  public init(_ path: String, columns: Columns, labels: TextColumns.LabelUse) throws {
    reader = try TableReader(path)
    name = reader.name
    self.columns = try TextColumns(columns, in: reader, labels: labels)
    parent = reader.header.firstIndex(of: Lineage.parentColumn)
  }

  /// The next row, nil after the last.
  ///
  /// - Throws: `IntrayError(.data)` with the line for anything that is wrong with the table.
  public func next() throws -> TextRow? {
    guard let row = try reader.next() else { return nil }
    count += 1
    let label = columns.label.map { row[$0] }
    if let label, label.allSatisfy(\.isWhitespace) {
      throw IntrayError(
        .data, "the label is empty", at: .init(name, line: row.line), hint: "give the row a label or remove it")
    }
    let id = columns.id.map { row[$0] } ?? String(count)
    let parent = self.parent.map { row[$0] }
    let texts = columns.texts.map { row[$0] }
    return TextRow(
      line: row.line, id: id, first: texts[0], second: texts.count > 1 ? texts[1] : nil, label: label,
      parent: parent == id || parent?.isEmpty == true ? nil : parent)
  }
}
