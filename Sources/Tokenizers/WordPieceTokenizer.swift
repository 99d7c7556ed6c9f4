import FileKit
import Foundation
import IntrayCore

/// BERT's tokenizer: words by white space and punctuation, then the longest pieces of the vocabulary, from the left.
///
/// (1) The ids are those of Hugging Face's `tokenizers` with a `BertNormalizer`, a `BertPreTokenizer` and a `WordPiece`
///     model, for every text.
/// (2) It never changes after it was made.
/// (3) The time is proportional to the text's length, whatever the text is.
///
///     let tokenizer = try WordPieceTokenizer(vocabulary: "vocab.txt")
///     tokenizer.encode("a title", "an abstract", maxLength: 256).ids
public final class WordPieceTokenizer: Tokenizer {
  /// The tokens with a meaning of their own, as the vocabulary spells them.
  public struct SpecialTokens: Sendable, Equatable {
    public var unknown = "[UNK]"
    public var classifier = "[CLS]"
    public var separator = "[SEP]"
    /// More tokens that are recognised when they are written in a text. Those that the vocabulary lacks are left out.
    public var others = ["[PAD]", "[MASK]"]

    public init() {}
  }

  private let vocabulary: Vocabulary
  private let rules: TextRules
  private let unknown: Int32
  private let classifier: Int32
  private let separator: Int32
  private let longestWord: Int
  private let marks: [SpecialMark]
  private let bytes: ByteTable

  /// - Parameters:
  ///   - path: `vocab.txt`, a piece a line.
  ///   - longestWord: a word of more characters becomes `[UNK]`.
  ///   - recognizesSpecialTokens: `[SEP]` written in a text is the special token, as for Hugging Face; otherwise it is
  ///     plain text like any other.
  /// - Throws: `IntrayError(.model)` when the vocabulary is empty, not UTF-8, has a token twice, or lacks a special one.
  public convenience init(
    vocabulary path: String, rules: TextRules = TextRules(), special: SpecialTokens = SpecialTokens(),
    longestWord: Int = 100, recognizesSpecialTokens: Bool = true
  ) throws {
    try self.init(
      Vocabulary(file: path), path: path, rules: rules, special: special, longestWord: longestWord,
      recognizesSpecialTokens: recognizesSpecialTokens)
  }

  init(
    _ vocabulary: Vocabulary, path: String, rules: TextRules, special: SpecialTokens, longestWord: Int,
    recognizesSpecialTokens: Bool
  ) throws {
    func id(_ token: String) throws -> Int32 {
      guard let id = vocabulary.id(token) else {
        throw IntrayError(.model, "the vocabulary has no token '\(token)'", at: .init(path))
      }
      return id
    }
    unknown = try id(special.unknown)
    classifier = try id(special.classifier)
    separator = try id(special.separator)
    let written = Set([special.unknown, special.classifier, special.separator] + special.others)
    marks =
      recognizesSpecialTokens
      ? written.compactMap { token in vocabulary.id(token).map { SpecialMark(text: Array(token.utf8), id: $0) } }
        .sorted { $0.text.count > $1.text.count } : []
    self.vocabulary = vocabulary
    self.rules = rules
    self.longestWord = longestWord
    bytes = ByteTable(rules, marks: marks)
  }

  public var vocabularySize: Int { vocabulary.pieces.count }

  public func piece(_ id: Int32) -> String { String(decoding: vocabulary.pieces[Int(id)], as: UTF8.self) }

  public func encode(
    _ first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>?, maxLength: Int
  ) -> Encoding {
    var ids: [Int32] = []
    ids.reserveCapacity((first.count + (second?.count ?? 0)) / 4 + 16)
    ids.append(classifier)
    append(first, to: &ids)
    let firstCount = ids.count - 1
    guard let second else {
      let truncated = max(0, firstCount - max(0, maxLength - 2))
      ids.removeLast(truncated)
      ids.append(separator)
      return Encoding(ids: ids, segments: Array(repeating: 0, count: ids.count), truncated: truncated)
    }
    ids.append(separator)
    append(second, to: &ids)
    let secondCount = ids.count - firstCount - 2
    let kept = longestFirst(firstCount, secondCount, budget: max(0, maxLength - 3))
    ids.removeLast(secondCount - kept.second)
    ids.removeSubrange(1 + kept.first..<1 + firstCount)
    ids.append(separator)
    var segments = [Int32](repeating: 0, count: kept.first + 2)
    segments.append(contentsOf: repeatElement(1, count: kept.second + 1))
    return Encoding(
      ids: ids, segments: segments, truncated: firstCount + secondCount - kept.first - kept.second)
  }

  public func ids(_ text: UnsafeBufferPointer<UInt8>) -> [Int32] {
    var ids: [Int32] = []
    append(text, to: &ids)
    return ids
  }

  private func append(_ text: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4 * longestWord) { memory in
      var word = Word(memory: memory, longest: longestWord)
      var place = 0
      while place < text.count {
        let entry = bytes[text[place]]
        if let character = entry.plain {
          word.append(character)
          place += 1
        } else if entry.startsMark,
          let mark = marks.first(where: { UnsafeBufferPointer(rebasing: text[place...]).starts(with: $0.text) })
        {
          finish(&word, into: &ids)
          ids.append(mark.id)
          place += mark.text.count
        } else if let kind = entry.kind {
          add(entry.character, kind, to: &word, into: &ids)
          place += 1
        } else {
          appendCharacter(of: text, at: &place, to: &word, into: &ids)
        }
      }
      finish(&word, into: &ids)
    }
  }

  /// A character of more than one byte.
  @inline(never)
  private func appendCharacter(
    of text: UnsafeBufferPointer<UInt8>, at place: inout Int, to word: inout Word, into ids: inout [Int32]
  ) {
    var isIsolated = false
    rules.normalize(UTF8Decoder.next(text, &place)) {
      finish(&word, into: &ids)
      isIsolated = true
    } emit: { character, kind in
      add(character, kind, to: &word, into: &ids)
    }
    if isIsolated { finish(&word, into: &ids) }
  }

  @inline(__always)
  private func add(_ character: UInt32, _ kind: CharacterKind, to word: inout Word, into ids: inout [Int32]) {
    switch kind {
    case .word: word.append(character)
    case .space: finish(&word, into: &ids)
    case .punctuation:
      finish(&word, into: &ids)
      word.append(character)
      finish(&word, into: &ids)
    case .removed: break
    }
  }

  /// Ends a word: the longest piece it starts with, then the longest that goes on, until it is used up; `[UNK]` for the
  /// whole word when no piece fits somewhere.
  private func finish(_ word: inout Word, into ids: inout [Int32]) {
    guard word.characters > 0 else { return }
    defer { word.removeAll() }
    guard word.characters <= longestWord else { return ids.append(unknown) }
    let before = ids.count
    var (start, piece) = longest(word.bytes, from: 0, in: vocabulary.starts)
    while piece >= 0 {
      ids.append(piece)
      if start == word.count { return }
      (start, piece) = longest(word.bytes, from: start, in: vocabulary.continuations)
    }
    ids.removeLast(ids.count - before)
    ids.append(unknown)
  }

  /// The longest piece at a place of a word, and where it ends; -1 when there is none.
  @inline(__always)
  private func longest(
    _ word: UnsafeBufferPointer<UInt8>, from start: Int, in trie: borrowing ByteTrie
  ) -> (end: Int, piece: Int32) {
    var node = ByteTrie.root
    var found: (end: Int, piece: Int32) = (start, -1)
    for place in start..<word.count {
      guard let next = trie.step(node, word[place]) else { break }
      node = next.node
      if next.value >= 0 { found = (place + 1, next.value) }
    }
    return found
  }
}

/// The word that is being collected.
private struct Word {
  private let memory: UnsafeMutableBufferPointer<UInt8>
  private let longest: Int
  private(set) var count = 0
  private(set) var characters = 0

  init(memory: UnsafeMutableBufferPointer<UInt8>, longest: Int) {
    self.memory = memory
    self.longest = longest
  }

  var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: memory[..<count]) }

  @inline(__always)
  mutating func append(_ character: UInt8) {
    characters += 1
    // A longer word is not looked at.
    guard characters <= longest else { return }
    memory[count] = character
    count += 1
  }

  mutating func append(_ character: UInt32) {
    guard character >= 0x80 else { return append(UInt8(truncatingIfNeeded: character)) }
    characters += 1
    guard characters <= longest else { return }
    for byte in Unicode.Scalar(character).flatMap(UTF8.encode) ?? UTF8.encodedReplacementCharacter {
      memory[count] = byte
      count += 1
    }
  }

  mutating func removeAll() {
    count = 0
    characters = 0
  }
}

/// A special token as it may be written in a text.
private struct SpecialMark {
  let text: [UInt8]
  let id: Int32
}

/// What becomes of each byte of a text.
private struct ByteTable {
  struct Entry {
    fileprivate let bits: UInt16

    /// The character that just goes into the word.
    @inline(__always) var plain: UInt8? { bits < 0x100 ? UInt8(truncatingIfNeeded: bits) : nil }
    /// A special token may be written from here.
    var startsMark: Bool { bits & 0x8000 != 0 }
    /// What becomes of the ASCII character; nil for a part of a longer one.
    var kind: CharacterKind? { CharacterKind(rawValue: UInt8(truncatingIfNeeded: bits >> 8 & 0x7F)) }
    var character: UInt32 { UInt32(bits & 0xFF) }
  }

  private let entries: [UInt16]

  init(_ rules: TextRules, marks: [SpecialMark]) {
    let leads = Set(marks.map { $0.text[0] })
    entries = (0..<256).map { (byte: UInt32) in
      var bits: UInt16 = 0x7F00
      if byte < 0x80 {
        rules.normalize(byte, isolated: {}) { character, kind in
          bits = UInt16(truncatingIfNeeded: character) | UInt16(kind.rawValue) << 8
        }
      }
      return leads.contains(UInt8(byte)) ? bits | 0x8000 : bits
    }
  }

  @inline(__always)
  subscript(_ byte: UInt8) -> Entry { entries.withUnsafeBufferPointer { Entry(bits: $0[Int(byte)]) } }
}

enum UTF8Decoder {
  /// The character that starts at a place with a byte of 0x80 or more, and moves behind it. What is not UTF-8 is U+FFFD,
  /// a byte at a time.
  static func next(_ text: UnsafeBufferPointer<UInt8>, _ place: inout Int) -> UInt32 {
    let lead = text[place]
    let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
    guard (0xC2...0xF4).contains(lead), place + length <= text.count else {
      place += 1
      return 0xFFFD
    }
    var scalar = UInt32(lead) & (0x7F >> UInt32(length))
    for offset in 1..<length {
      let byte = text[place + offset]
      guard byte & 0xC0 == 0x80 else {
        place += 1
        return 0xFFFD
      }
      scalar = scalar << 6 | UInt32(byte & 0x3F)
    }
    let least: UInt32 = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80
    guard scalar >= least, scalar <= 0x10FFFF, !(0xD800..<0xE000).contains(scalar) else {
      place += 1
      return 0xFFFD
    }
    place += length
    return scalar
  }
}
