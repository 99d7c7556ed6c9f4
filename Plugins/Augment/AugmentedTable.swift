import Augmentation
import IntrayCore
import Tables
import Training

/// The result: the input's columns, then the lineage. An id column comes first where the input has none.
///
///     paperid,title,abstract,categories,parent_id,operation,edits,seed
///     17,...,cs.LG,17,original,0,42
///     17-synonym-1,...,cs.LG,17,synonym,12,42
final class AugmentedTable {
  static let lineage = [Lineage.parentColumn, "operation", "edits", "seed"]

  private let table: TableWriter
  private let texts: [Int]
  private let id: Int?
  private let kept: [Int]
  private let withOriginals: Bool
  private let seed: String

  var rows: Int { table.rows }

  init(_ path: String, _ input: InputRows, _ parameters: Augment.Parameters) throws {
    kept = try Self.columns(of: input)
    texts = input.texts
    id = input.id
    withOriginals = parameters.originals
    seed = String(parameters.seed)
    let header = (id == nil ? ["id"] : []) + kept.map { input.header[$0] } + Self.lineage
    table = try TableWriter(path, header: header)
  }

  /// The input's columns that stay: all but an earlier lineage.
  ///
  /// - Throws: `IntrayError(.data)` where the input has a column of the lineage's names that is none.
  static func columns(of input: InputRows) throws -> [Int] {
    let isAugmented = input.header.contains(Lineage.parentColumn)
    let taken = input.header.indices.filter { Self.lineage.contains(input.header[$0]) }
    if let column = taken.first(where: { !isAugmented || input.texts.contains($0) || input.id == $0 }) {
      throw IntrayError(
        .data, "a column '\(input.header[column])', which the result needs for the lineage",
        at: .init(input.name, line: 1), hint: "give it another name")
    }
    return input.header.indices.filter { !taken.contains($0) }
  }

  func write(_ row: InputRow, _ result: Augmenter.Result) throws {
    if withOriginals {
      let before = zip(row.lineage, [row.id, "original", "0", seed]).map { $0.isEmpty ? $1 : $0 }
      try write(row, id: row.id, texts: result.texts, lineage: before)
    }
    for copy in result.copies {
      try write(
        row, id: "\(row.id)-\(copy.operation.rawValue)-\(copy.number)", texts: copy.texts,
        lineage: [row.parent, copy.operation.rawValue, String(copy.edits), seed])
    }
  }

  func close() throws { try table.close() }

  private func write(_ row: InputRow, id: String, texts changed: [String], lineage: [String]) throws {
    var fields = row.fields
    for (column, text) in zip(texts, changed) { fields[column] = text }
    if let column = self.id { fields[column] = id }
    try table.write((self.id == nil ? [id] : []) + kept.map { fields[$0] } + lineage)
  }
}
