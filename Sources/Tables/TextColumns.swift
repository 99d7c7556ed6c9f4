import IntrayCore

/// Where a table has what a classifier reads, by the columns that a spec names.
public struct TextColumns: Sendable {
  public enum LabelUse: Sendable {
    /// The spec must name a column of labels, and the table must have it.
    case required
    /// Where the spec names one, the table must have it.
    case asNamed
    /// Taken where both have it.
    case optional
  }

  public let id: Int?
  /// One text, or two of a pair.
  public let texts: [Int]
  public let label: Int?

  /// - Throws: `IntrayError(.data)` where a column is missing, `IntrayError(.spec)` where `columns` does not name one or two
  ///   texts, or no labels where they are required.
  public init(_ columns: Columns, in table: TableReader, labels: LabelUse) throws {
    guard (1...2).contains(columns.text.count) else {
      throw IntrayError(
        .spec, "data.columns.text names \(columns.text.count) columns; a model reads one text or a pair of two",
        hint: "write text: [title, abstract]")
    }
    if labels == .required, columns.label == nil {
      throw IntrayError(
        .spec, "data.columns.label is not set, and '\(table.name)' needs labels", hint: "write label: categories")
    }
    texts = try columns.text.map { try table.column($0) }
    id = try columns.id.map { try table.column($0) }
    label = try columns.label.flatMap {
      labels == .optional ? table.header.firstIndex(of: $0) : try table.column($0)
    }
  }
}
