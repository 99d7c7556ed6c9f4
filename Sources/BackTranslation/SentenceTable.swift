import FileKit
import Foundation
import IntrayCore
import Tables

/// Translations of whole texts from a CSV or TSV file, found by the id of the row, or by the exact text where the table
/// has a column `text` and no `id`.
///
///     id,translation                      text;translation
///     1201.0001,A text in other words     A text;The same in other words
///
/// The file is compiled once into an index beside the job's other state; the index is mapped into memory, so ten
/// million rows open at once and stay out of the heap.
public final class SentenceTable: BackTranslator {
  public enum Key: String, Sendable {
    case id, text
  }

  /// The columns that the header must have.
  public static let translationColumn = "translation"

  public let key: Key
  /// Different ids or texts.
  public var count: Int { index.keys }
  private let index: TranslationIndex

  /// Opens the table; compiles it first where `folder` does not hold its index yet.
  ///
  /// - Parameters:
  ///   - path: the CSV or TSV file. The index is used again as long as its size and modification time stay.
  ///   - folder: where the index goes: the job's work folder.
  ///   - column: the column with the translations, where it is not called `translation`. A table of several text
  ///     columns has one for each, under its name.
  ///   - step: called now and then while the table is compiled, with the rows so far; may throw.
  /// - Throws: `IntrayError(.data)` with file and line: all that `TableReader` throws, an empty key or translation, a
  ///   key that is there twice with different translations, translations that lead in a circle back to their text.
  public init(
    compiling path: String, in folder: String, column: String = SentenceTable.translationColumn,
    step: (_ rows: Int) throws -> Void = { _ in }
  ) throws {
    let index = try "\(folder)/\(Self.indexName(path, column))"
    if let opened = try Self.open(index) {
      self.index = opened
    } else {
      try Self.compile(path, column, to: index, step: step)
      self.index = try TranslationIndex(index, kinds: [.sentencesByID, .sentencesByText])
    }
    key = self.index.kind == .sentencesByID ? .id : .text
  }

  public func backTranslate(id: String, text: String) throws -> String? {
    try translation(of: key == .id ? id : text)
  }

  /// The translation of a row's id, or of a text.
  public func translation(of key: String) throws -> String? {
    try withExtendedLifetime(index) {
      guard let entry = try index.find(key) else { return nil }
      return try index.targets(of: entry, limit: 1).first?.string
    }
  }

  /// Another file of the same name, or another column, is another index.
  private static func indexName(_ path: String, _ column: String) throws -> String {
    let status = try Files.status(path)
    let text = "\(path)\n\(column)\n\(status?.size ?? 0)\n\(status?.modified ?? 0)"
    let digits = String(ByteHash.hash(text), radix: 16)
    return "sentences-\(String(repeating: "0", count: 16 - digits.count))\(digits).index"
  }

  /// The index of an earlier attempt; nil where there is none that is whole.
  private static func open(_ path: String) throws -> TranslationIndex? {
    guard try Files.status(path) != nil else { return nil }
    do {
      return try TranslationIndex(path, kinds: [.sentencesByID, .sentencesByText])
    } catch let error as IntrayError where error.code == .data {
      return nil
    }
  }

  private static func compile(_ path: String, _ column: String, to index: String, step: (Int) throws -> Void) throws {
    let table = try TableReader(path)
    let name = table.name
    let key: Key = table.header.contains(Key.id.rawValue) ? .id : .text
    guard table.header.contains(key.rawValue) else {
      throw IntrayError(
        .data, "neither a column 'id' nor a column 'text'", at: .init(name, line: 1),
        hint: "the header has \(table.header.prefix(20).joined(separator: ", "))")
    }
    let keyColumn = try table.column(key.rawValue)
    let target = try table.column(column)
    guard target != keyColumn else {
      throw IntrayError(.data, "the column '\(column)' is the key and the translation", at: .init(name, line: 1))
    }
    let writer = try TranslationIndexWriter(index, expectedBytes: Files.status(path)?.size ?? 0)
    var rows = 0
    while let row = try table.next() {
      if rows % 1024 == 0 { try step(rows) }
      rows += 1
      try row.withBytes(keyColumn) { key in
        try row.withBytes(target) { translation in
          func refuse(_ message: String) -> IntrayError { IntrayError(.data, message, at: .init(name, line: row.line)) }
          if isBlank(key) { throw refuse("the \(table.header[keyColumn]) is empty") }
          if isBlank(translation) { throw refuse("the translation is empty") }
          try writer.add(
            key: UnsafeRawBufferPointer(key), target: UnsafeRawBufferPointer(translation),
            value: UInt32(clamping: row.line),
            line: row.line)
        }
      }
    }
    guard rows > 0 else { throw IntrayError(.data, "no rows after the header", at: .init(name)) }
    let kind: TranslationIndex.Kind = key == .id ? .sentencesByID : .sentencesByText
    _ = try writer.finish(
      kind,
      choose: { text, records in
        let first = records[0]
        if let other = records.first(where: { !$0.target.elementsEqual(first.target) }) {
          throw IntrayError(
            .data, "\(key.rawValue) '\(shown(text))' has another translation on line \(first.line)",
            at: .init(name, line: Int(other.line)), hint: "keep one of them")
        }
        records.removeLast(records.count - 1)
      }, step: { try step(rows) })
    if key == .text {
      do {
        try refuseCycles(TranslationIndex(index, kinds: [kind]), name, step: { try step(rows) })
      } catch {
        try? Files.remove(index)
        throw error
      }
    }
  }

  private static func isBlank(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    if text.contains(where: { $0 > 0x20 && $0 < 0x80 }) { return false }
    return String(decoding: text, as: UTF8.self).allSatisfy(\.isWhitespace)
  }

  /// The beginning of a text, for a message.
  private static func shown(_ text: UnsafeRawBufferPointer) -> String {
    let start = String(decoding: text.prefix(200), as: UTF8.self)
    return text.count <= 40 ? start : start.prefix(40) + "..."
  }

  private enum Mark: UInt8 { case new, onThisWay, done }

  /// Each text leads to its translation, and from there on where that is a text of the table too. A text that is its
  /// own translation is no circle: the guards see to it.
  private static func refuseCycles(_ index: TranslationIndex, _ name: String, step: () throws -> Void) throws {
    var marks = [Mark](repeating: .new, count: index.keys)
    func next(_ entry: TranslationIndex.Entry) throws -> TranslationIndex.Entry? {
      guard let target = try index.targets(of: entry, limit: 1).first, let next = try index.find(target.text),
        next.number != entry.number
      else { return nil }
      return next
    }
    func line(_ entry: TranslationIndex.Entry) throws -> Int {
      Int(try index.targets(of: entry, limit: 1).first?.value ?? 0)
    }
    var seen = 0
    try index.forEach { start in
      if seen % 1024 == 0 { try step() }
      seen += 1
      guard start.number < marks.count else { throw TranslationIndex.damaged(index.path) }
      var way: TranslationIndex.Entry? = start
      while let entry = way, entry.number < marks.count, marks[entry.number] == .new {
        marks[entry.number] = .onThisWay
        way = try next(entry)
      }
      if let closing = way, closing.number < marks.count, marks[closing.number] == .onThisWay {
        var lines = [try line(closing)]
        var other = try next(closing)
        while let entry = other, entry.number != closing.number {
          lines.append(try line(entry))
          other = try next(entry)
        }
        lines.sort()
        let all = lines.prefix(10).map(String.init).joined(separator: ", ") + (lines.count > 10 ? " ..." : "")
        throw IntrayError(
          .data, "the translations of lines \(all) lead in a circle", at: .init(name, line: lines[lines.count - 1]),
          hint: "a translation must not be a text of the table that leads back")
      }
      way = start
      while let entry = way, entry.number < marks.count, marks[entry.number] == .onThisWay {
        marks[entry.number] = .done
        way = try next(entry)
      }
    }
  }
}
