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
    var joined: [UInt8] = []
    joined.reserveCapacity(bytes.count)
    for (gap, word) in zip(gaps, words) {
      joined += bytes[gap]
      joined += bytes[word]
    }
    if let last = gaps.last { joined += bytes[last] }
    return String(decoding: joined, as: UTF8.self)
  }

  /// Whether the word is a command of LaTeX: `\omega`.
  func isCommand(_ index: Int) -> Bool { bytes[gaps[index]].last == UInt8(ascii: "\\") }

  func word(_ index: Int) -> String { String(decoding: bytes[words[index]], as: UTF8.self) }

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
    var keptWords: [Range<Int>] = []
    var keptGaps = [gaps[0]]
    for index in words.indices {
      if !isRemoved(index) {
        keptWords.append(words[index])
        keptGaps.append(gaps[index + 1])
        continue
      }
      let before = keptGaps[keptGaps.count - 1]
      let after = gaps[index + 1]
      keptGaps[keptGaps.count - 1] = joined(before, after)
    }
    words = keptWords
    gaps = keptGaps
  }

  /// Two gaps that a word stood between. A hyphen goes with its word; of two white spaces one stays, and none before
  /// punctuation that follows a word, behind a bracket, or at the ends of the text.
  private mutating func joined(_ before: Range<Int>, _ after: Range<Int>) -> Range<Int> {
    let hyphen = [UInt8(ascii: "-")]
    if bytes[before].elementsEqual(hyphen) { return after }
    if bytes[after].elementsEqual(hyphen) { return before }
    var before = before
    var after = after
    let isAfterSpace = bytes[before].last.map(Self.isSpace) ?? true
    let isOpened = bytes[before].last.map("([{".utf8.contains) ?? false
    if isAfterSpace || isOpened, bytes[after].first.map(Self.isSpace) ?? false {
      after = after.dropFirst()
    } else if isAfterSpace, !before.isEmpty, bytes[after].first.map(Self.follows) ?? true {
      before = before.dropLast()
    }
    return append(Array(bytes[before] + bytes[after]))
  }

  /// Punctuation that stands behind a word without a space.
  private static func follows(_ byte: UInt8) -> Bool { ",.;:!?)]}".utf8.contains(byte) }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private mutating func append(_ text: String) -> Range<Int> { append(Array(text.utf8)) }

  private mutating func append(_ added: [UInt8]) -> Range<Int> {
    let start = bytes.count
    bytes += added
    return start..<bytes.count
  }
}
