import Text

/// A text as words and what stands between them, to be edited word by word.
///
/// (1) Without an edit `text` is the text that it was made from, byte for byte.
/// (2) All edited texts are pieces of one buffer: nothing is copied until `text` is asked for.
struct WordText {
  /// The text, and behind it the words that came in.
  private var bytes: [UInt8]
  private(set) var words: [Range<Int>]
  /// `gaps[i]` stands before word i, the last one at the end: one more than there are words.
  private var gaps: [Range<Int>]

  init(_ text: String) {
    bytes = Array(text.utf8)
    words = Words.ranges(in: bytes)
    gaps = []
    gaps.reserveCapacity(words.count + 1)
    var end = 0
    for word in words {
      gaps.append(end..<word.lowerBound)
      end = word.upperBound
    }
    gaps.append(end..<bytes.count)
  }

  var text: String {
    let count = words.reduce(gaps.reduce(0) { $0 + $1.count }) { $0 + $1.count }
    return bytes.withUnsafeBufferPointer { bytes in
      String(unsafeUninitializedCapacity: count) { text in
        var end = 0
        func add(_ piece: Range<Int>) {
          _ = text[end...].update(fromContentsOf: bytes[piece])
          end += piece.count
        }
        for index in words.indices {
          add(gaps[index])
          add(words[index])
        }
        add(gaps[words.count])
        return end
      }
    }
  }

  /// Whether the word is a command of LaTeX: `\omega`.
  func isCommand(_ index: Int) -> Bool { bytes[gaps[index]].last == UInt8(ascii: "\\") }

  func word(_ index: Int) -> String { String(decoding: bytes[words[index]], as: UTF8.self) }

  /// - Parameter body: gets the word in UTF-8.
  func withWord<Result>(_ index: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[words[index]])) }
  }

  mutating func replace(_ index: Int, by word: String) { words[index] = append(word) }

  mutating func swap(_ first: Int, _ second: Int) { words.swapAt(first, second) }

  /// Puts a word before word `index`, or behind the last one, with a space between them.
  mutating func insert(_ word: String, at index: Int) {
    let space = append(" ")
    words.insert(append(word), at: index)
    gaps.insert(space, at: index < words.count - 1 ? index + 1 : index)
  }

  /// Takes words away, each with what belongs to it of the gaps beside it.
  mutating func remove(where isRemoved: (Int) -> Bool) {
    var kept = 0
    for index in words.indices {
      if isRemoved(index) {
        gaps[kept] = joined(gaps[kept], gaps[index + 1])
      } else {
        words[kept] = words[index]
        gaps[kept + 1] = gaps[index + 1]
        kept += 1
      }
    }
    words.removeSubrange(kept...)
    gaps.removeSubrange((kept + 1)...)
  }

  /// Two gaps that a word stood between. A hyphen goes with its word; of two white spaces one stays, and none before
  /// punctuation that follows a word, behind a bracket, or at the ends of the text.
  private mutating func joined(_ before: Range<Int>, _ after: Range<Int>) -> Range<Int> {
    if isHyphen(before) { return after }
    if isHyphen(after) { return before }
    var before = before
    var after = after
    let isAfterSpace = bytes[before].last.map(Self.isSpace) ?? true
    let isOpened = bytes[before].last.map(Self.opens) ?? false
    if isAfterSpace || isOpened, bytes[after].first.map(Self.isSpace) ?? false {
      after = after.dropFirst()
    } else if isAfterSpace, !before.isEmpty, bytes[after].first.map(Self.follows) ?? true {
      before = before.dropLast()
    }
    if before.isEmpty { return after }
    if after.isEmpty { return before }
    let start = bytes.count
    bytes += bytes[before]
    bytes += bytes[after]
    return start..<bytes.count
  }

  private func isHyphen(_ gap: Range<Int>) -> Bool { gap.count == 1 && bytes[gap.lowerBound] == UInt8(ascii: "-") }

  /// Punctuation that stands behind a word without a space.
  private static func follows(_ byte: UInt8) -> Bool {
    switch Unicode.Scalar(byte) {
    case ",", ".", ";", ":", "!", "?", ")", "]", "}": true
    default: false
    }
  }

  private static func opens(_ byte: UInt8) -> Bool {
    switch Unicode.Scalar(byte) {
    case "(", "[", "{": true
    default: false
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private mutating func append(_ text: String) -> Range<Int> {
    let start = bytes.count
    bytes += text.utf8
    return start..<bytes.count
  }
}
