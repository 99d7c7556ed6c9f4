import BackTranslation
import Foundation
import IntrayCore
import PluginKit
import Tables

/// What `run` and `plan` begin with: the translator is there, and the input is read once to its end.
struct BacktranslatePreparation: Sendable {
  let parameters: Backtranslate.Parameters
  let guards: Guards
  let rowCount: Int
  let path: String
  let idColumn: String
  let textColumns: [String]
  private let apertium: Apertium

  /// - Throws: `IntrayError` for all that is wrong with the file, a missing program or mode.
  init(_ job: RunnerJob) throws {
    parameters = try job.parameters(as: Backtranslate.Parameters.self)
    guard let path = job.file("input") else { throw IntrayError(.spec, "data.input is missing") }
    self.path = path
    let columns = job.spec.data.columns
    guard let idColumn = columns.id else {
      throw IntrayError(
        .spec, "data.columns.id is not set, and the table of translations is found by the rows' ids",
        hint: "write columns: {id: ..., text: ...}")
    }
    guard !columns.text.isEmpty else {
      throw IntrayError(.spec, "data.columns.text is not set", hint: "write columns: {id: ..., text: ...}")
    }
    self.idColumn = idColumn
    textColumns = columns.text
    guard columns.text.count == 1 || !columns.text.contains(SentenceTable.Key.id.rawValue) else {
      throw IntrayError(
        .spec, "a text column called 'id' would be taken for the id of the table of translations",
        hint: "give the column another name")
    }
    guards = Guards(
      lengthRatio: parameters.minLengthRatio...max(parameters.minLengthRatio, parameters.maxLengthRatio),
      overlap: parameters.overlap)
    rowCount = try Self.check(path, id: idColumn, text: columns.text)
    apertium = try Apertium(parameters.apertium)
    try apertium.check(modes: [parameters.forward, parameters.backward])
  }

  /// Reads the file to its end.
  ///
  /// - Returns: how many rows it has.
  private static func check(_ path: String, id: String, text: [String]) throws -> Int {
    let table = try TableReader(path)
    let column = try table.column(id)
    for name in text { _ = try table.column(name) }
    // The hash of each id: 16 bytes or so a row.
    var seen: [Int: Int] = [:]
    var rows = 0
    while let row = try table.next() {
      rows += 1
      let value = row[column]
      func refuse(_ message: String, _ hint: String) -> IntrayError {
        IntrayError(.data, message, at: .init(table.name, line: row.line), hint: hint)
      }
      if value.allSatisfy(\.isWhitespace) { throw refuse("the id is empty", "give the row an id") }
      if let line = seen.updateValue(row.line, forKey: value.hashValue) {
        throw refuse("the id '\(value)' was on line \(line) already", "ids must differ")
      }
    }
    guard rows > 0 else { throw IntrayError(.data, "no rows after the header", at: .init(table.name)) }
    return rows
  }

  /// A translator of its own for each thread.
  func translator(onRestart: @escaping (String) -> Void) -> ApertiumTranslator {
    ApertiumTranslator(
      apertium, forward: parameters.forward, backward: parameters.backward,
      patience: .milliseconds(Int64(parameters.patienceSeconds * 1000)), onRestart: onRestart)
  }

  /// The input from its first row.
  func open() throws -> InputRows { try InputRows(self) }
}

/// A row of the input.
struct InputRow {
  var id: String
  /// In the order of `textColumns`.
  var texts: [String]

  /// Nothing to translate: a table of translations has no empty cells.
  var isBlank: Bool { texts.contains { $0.allSatisfy(\.isWhitespace) } }
}

/// Reads the input row by row.
final class InputRows {
  private let table: TableReader
  private let id: Int
  private let texts: [Int]

  init(_ prepared: BacktranslatePreparation) throws {
    table = try TableReader(prepared.path)
    id = try table.column(prepared.idColumn)
    texts = try prepared.textColumns.map { [table] in try table.column($0) }
  }

  func next() throws -> InputRow? {
    guard let row = try table.next() else { return nil }
    return InputRow(id: row[id], texts: texts.map { row[$0] })
  }
}
