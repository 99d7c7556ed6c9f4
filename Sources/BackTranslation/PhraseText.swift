/// A text cut into the smallest pieces: runs of letters and digits, and every other character for itself.
///
/// Tables and texts are cut alike, so how a table was tokenised (`don 't`, `l' homme`, `don't`) makes no difference.
/// Pieces are compared in lower case, with one form of apostrophe and hyphen.
struct PhraseText {
  struct Token {
    /// In the text, in bytes.
    var range: Range<Int>
    /// In `normalized`.
    var normalized: Range<Int>
    /// Has letters or digits.
    var isWord: Bool
    /// Whether space stands before it, or the text begins.
    var isSpaced: Bool
  }

  private(set) var tokens: [Token] = []
  /// All pieces as they are compared, with one space between them.
  private(set) var normalized: [UInt8] = []

  var words: Int { tokens.count(where: \.isWord) }

  /// Cuts another text; the memory is used again.
  mutating func cut(_ text: UnsafeBufferPointer<UInt8>) {
    tokens.removeAll(keepingCapacity: true)
    normalized.removeAll(keepingCapacity: true)
    var offset = 0
    var isSpaced = true
    while offset < text.count {
      let (kind, length) = Self.kind(text, at: offset)
      var end = offset + length
      switch kind {
      case .space:
        isSpaced = true
        offset = end
        continue
      case .word:
        while end < text.count {
          let (next, length) = Self.kind(text, at: end)
          guard next == .word else { break }
          end += length
        }
      case .other: break
      }
      if !tokens.isEmpty { normalized.append(UInt8(ascii: " ")) }
      let start = normalized.count
      Self.normalize(UnsafeBufferPointer(rebasing: text[offset..<end]), isWord: kind == .word, into: &normalized)
      tokens.append(
        Token(range: offset..<end, normalized: start..<normalized.count, isWord: kind == .word, isSpaced: isSpaced))
      isSpaced = false
      offset = end
    }
  }

  private enum Kind { case space, word, other }

  /// What the character at an offset is, and its bytes. The text is valid UTF-8.
  private static func kind(_ text: UnsafeBufferPointer<UInt8>, at offset: Int) -> (Kind, Int) {
    let byte = text[offset]
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      return (.word, 1)
    case 0x09...0x0D, 0x20: return (.space, 1)
    case 0..<0x80: return (.other, 1)
    default:
      let length = min(byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2, text.count - offset)
      var value = UInt32(byte) & (0xFF >> UInt32(length + 1))
      for index in 1..<length { value = value << 6 | UInt32(text[offset + index] & 0x3F) }
      guard let properties = Unicode.Scalar(value)?.properties else { return (.other, length) }
      if properties.isWhitespace { return (.space, length) }
      switch properties.generalCategory {
      case .nonspacingMark, .spacingMark, .enclosingMark: return (.word, length)
      default: return (properties.isAlphabetic || properties.numericType != nil ? .word : .other, length)
      }
    }
  }

  private static func normalize(_ piece: UnsafeBufferPointer<UInt8>, isWord: Bool, into normalized: inout [UInt8]) {
    if piece.allSatisfy({ $0 < 0x80 }) {
      for byte in piece {
        normalized.append((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte)
      }
      return
    }
    let text = String(decoding: piece, as: UTF8.self)
    switch text {
    case "\u{2019}", "\u{02BC}": normalized.append(UInt8(ascii: "'"))
    // Hyphen and non-breaking hyphen.
    case "\u{2010}", "\u{2011}": normalized.append(UInt8(ascii: "-"))
    default: normalized.append(contentsOf: (isWord ? text.lowercased() : text).utf8)
    }
  }
}
