/// Puts a text into other words by way of another language.
public protocol BackTranslator: Sendable {
  /// The text as it comes back, for the row with this id; nil where there is nothing for this row.
  ///
  /// - Throws: `IntrayError(.data)` for a damaged table.
  func backTranslate(id: String, text: String) throws -> String?
}
