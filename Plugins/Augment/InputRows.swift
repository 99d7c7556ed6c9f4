import IntrayCore
import Tables

/// A row of the input: all its fields, and those that are texts.
struct InputRow {
  var id: String
  var fields: [String]
  var texts: [String]
  /// What an earlier run wrote into the columns of `AugmentedTable.lineage`; empty where the column is not there.
  var lineage: [String]
  /// The original that the row is a copy of already, or the row itself.
  var parent: String { lineage[0].isEmpty ? id : lineage[0] }
}

/// The input, block by block.
final class InputRows {
  /// As error messages name the file.
  let name: String
  let header: [String]
  /// Where the texts stand in a row.
  let texts: [Int]
  /// nil where the spec names no column of ids and none is called so: they are the rows' numbers, from 1.
  let id: Int?
  private let reader: TableReader
  private let lineage: [Int?]
  private var count = 0

  init(_ path: String, columns: Columns) throws {
    reader = try TableReader(path)
    name = reader.name
    header = reader.header
    texts = try columns.text.map { [reader] in try reader.column($0) }
    id = try columns.id.map { [reader] in try reader.column($0) } ?? header.firstIndex(of: "id")
    lineage = AugmentedTable.lineage.map { [header] in header.firstIndex(of: $0) }
  }

  /// At most so many rows; none at the end.
  func next(_ limit: Int) throws -> [InputRow] {
    var block: [InputRow] = []
    while block.count < limit, let row = try reader.next() {
      count += 1
      let fields = row.fields
      let id = id.map { fields[$0] } ?? String(count)
      block.append(
        InputRow(
          id: id, fields: fields, texts: texts.map { fields[$0] },
          lineage: lineage.map { column in column.map { fields[$0] } ?? "" }))
    }
    return block
  }
}
