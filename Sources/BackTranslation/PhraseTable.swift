import FileKit
import Foundation
import IntrayCore
import Tables

/// Phrases with their translations, compiled from a Moses phrase table or a dictionary into one file that is mapped
/// into memory (`TranslationIndex`, decision 28).
///
/// (1) Opening takes no time and no heap, whatever the size.
/// (2) Compiling takes memory that does not grow with the table.
///
///     let summary = try PhraseTable.compile("phrase-table", to: "forward.phrases")
///     let table = try PhraseTable("forward.phrases")
///     try table.translations(of: "neural network")      // best first
public final class PhraseTable: Sendable {
  /// What was compiled.
  public struct Summary: Sendable, Equatable, Codable {
    /// `moses` or `dictionary`.
    public var format: String
    /// Lines that hold something.
    public var lines: Int
    /// Different sources, in lower case.
    public var phrases: Int
    public var translations: Int
    /// Lines left out because their source has more words than `longestPhrase`.
    public var tooLong: Int

    enum CodingKeys: String, CodingKey {
      case format, lines, phrases, translations
      case tooLong = "too_long"
    }
  }

  public struct Translation: Sendable, Equatable {
    public var text: String
    /// Natural logarithm of p(translation | phrase).
    public var logProbability: Double
  }

  /// Words of a source; a longer one is left out. Moses trains up to as many.
  public static let longestPhrase = 7
  /// Of a source, best first; more are left out: Moses' own `ttable-limit`.
  public static let mostTranslations = 20
  /// Bytes of a line; a longer one is refused.
  public static let longestLine = 1 << 16
  /// Pieces of a source with its punctuation.
  private static let longestKey = 3 * longestPhrase

  public let path: String
  public var phrases: Int { index.keys }
  public var translations: Int { index.targets }
  let index: TranslationIndex

  /// Opens a compiled table.
  ///
  /// - Throws: `IntrayError(.data)` for a file that is none, or cut off.
  public init(_ path: String) throws {
    self.path = path
    index = try TranslationIndex(path, kinds: [.phrases])
  }

  /// The translations of a phrase, best first.
  public func translations(of phrase: String) throws -> [Translation] {
    var pieces = PhraseText()
    var phrase = phrase
    phrase.withUTF8 { pieces.cut($0) }
    return try withExtendedLifetime(index) {
      guard let entry = try pieces.normalized.withUnsafeBytes({ try index.find($0) }) else { return [] }
      return try index.targets(of: entry).map {
        Translation(text: $0.string, logProbability: Double(Float(bitPattern: $0.value)))
      }
    }
  }

  /// Compiles a text table.
  ///
  /// - Parameters:
  ///   - source: a Moses phrase table (`source ||| target ||| scores`) or a dictionary (`source TAB target`); the first
  ///     line decides which.
  ///   - path: where the compiled table goes.
  ///   - progress: called now and then with the bytes that are read; may throw.
  /// - Throws: `IntrayError(.data)` with file and line: a wrong number of fields, a score that is no number, a
  ///   probability that is not above 0 and at most 1, an empty source or target, a line that is too long, text that is
  ///   not UTF-8.
  public static func compile(
    _ source: String, to path: String, progress: (_ bytes: Int) throws -> Void = { _ in }
  ) throws -> Summary {
    let file = try FileReader(source)
    let name = URL(fileURLWithPath: source).lastPathComponent
    let writer = try TranslationIndexWriter(path, expectedBytes: file.status.size)
    let reader = try LineReader(file)
    _ = reader.skip(prefix: [0xEF, 0xBB, 0xBF])
    var summary = Summary(format: "", lines: 0, phrases: 0, translations: 0, tooLong: 0)
    var format: PhraseLine.Format?
    var pieces = PhraseText()
    var longest = 0
    var bytes = 0
    while let piece = try reader.next() {
      bytes += piece.bytes.count
      if piece.line % 4096 == 1 { try progress(bytes) }
      guard let text = try content(of: piece, name) else { continue }
      do {
        let chosen = try format ?? PhraseLine.format(of: text)
        format = chosen
        var line = try PhraseLine(text, chosen)
        line.source.withUTF8 { pieces.cut($0) }
        if pieces.tokens.isEmpty { throw PhraseLine.Fault("the source is empty") }
        summary.lines += 1
        if pieces.words > longestPhrase || pieces.tokens.count > longestKey {
          summary.tooLong += 1
          continue
        }
        longest = max(longest, pieces.tokens.count)
        let value = line.logProbability.bitPattern
        try pieces.normalized.withUnsafeBytes { key in
          try line.target.withUTF8 { target in
            try writer.add(key: key, target: UnsafeRawBufferPointer(target), value: value, line: piece.line)
          }
        }
      } catch let fault as PhraseLine.Fault {
        throw IntrayError(.data, fault.message, at: .init(name, line: piece.line))
      }
    }
    guard let format else { throw IntrayError(.data, "no phrases in the file", at: .init(name)) }
    summary.format = format.rawValue
    (summary.phrases, summary.translations) = try writer.finish(
      .phrases, longestKey: longest,
      choose: { _, records in choose(&records, isDictionary: format == .dictionary) }, step: { try progress(bytes) })
    return summary
  }

  /// The text of a line without its end; nil for a blank one.
  private static func content(of piece: LineReader.Piece, _ name: String) throws -> String? {
    func refuse(_ message: String, column: Int? = nil, hint: String? = nil) -> IntrayError {
      IntrayError(.data, message, at: .init(name, line: piece.line, column: column), hint: hint)
    }
    // A longer line than the reader's buffer comes in pieces, the first of which is too long already.
    guard piece.bytes.count <= longestLine else {
      throw refuse("the line is longer than the limit of \(longestLine) bytes")
    }
    if let offset = piece.badOffset {
      throw refuse(
        piece.bytes[offset] == 0 ? "a NUL byte: this is no text" : "not UTF-8", column: piece.column(at: offset),
        hint: "a packed table must be unpacked first, and text saved as UTF-8")
    }
    let bytes = piece.bytes.dropLast(piece.terminatorLength)
    if bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The targets of one source: each text once, the likeliest first, among equals the one that came first.
  private static func choose(_ records: inout [TranslationIndexWriter.Record], isDictionary: Bool) {
    // The same pair comes again where sources differ in case only; the likelier one counts.
    var byText: [[UInt8]: Int] = [:]
    var kept: [TranslationIndexWriter.Record] = []
    for record in records {
      let text = Array(record.target)
      if let index = byText[text] {
        if Float(bitPattern: record.value) > Float(bitPattern: kept[index].value) { kept[index].value = record.value }
      } else {
        byText[text] = kept.count
        kept.append(record)
      }
    }
    if isDictionary {
      let value = (-Float(log(Double(kept.count)))).bitPattern
      for index in kept.indices { kept[index].value = value }
    }
    kept.sort { one, other in
      let (left, right) = (Float(bitPattern: one.value), Float(bitPattern: other.value))
      return left != right ? left > right : one.line < other.line
    }
    records = Array(kept.prefix(mostTranslations))
  }
}
