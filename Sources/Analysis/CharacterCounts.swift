/// Characters that a model may stumble over, and how many rows have them.
struct CharacterCounts {
  enum Kind: Int, CaseIterable {
    case nonASCII
    case control
    case invisible
    case replacement
    case math
    case latex
    case tags
    case entities
    case links
  }

  struct Count {
    var found = 0
    var rows = 0
    /// The line of the first row that has it.
    var firstLine: Int?
  }

  private(set) var counts = [Count](repeating: Count(), count: Kind.allCases.count)
  private(set) var characters = 0
  private var inRow = [Int](repeating: 0, count: Kind.allCases.count)

  subscript(_ kind: Kind) -> Count { counts[kind.rawValue] }

  /// Counts in a row's texts.
  mutating func add(_ text: UnsafeBufferPointer<UInt8>) {
    var place = 0
    while place < text.count {
      let byte = text[place]
      characters += 1
      if byte >= 0x80 {
        let (scalar, length) = TextScalars.scalar(text, at: place)
        note(scalar)
        place += length
        continue
      }
      if Self.isPlain[Int(byte)] == 0 { note(byte, text, place) }
      place += 1
    }
  }

  /// Ends the row.
  mutating func finishRow(line: Int) {
    for kind in inRow.indices where inRow[kind] > 0 {
      counts[kind].found += inRow[kind]
      counts[kind].rows += 1
      if counts[kind].firstLine == nil { counts[kind].firstLine = line }
      inRow[kind] = 0
    }
  }

  /// Adds what was counted in later rows.
  mutating func add(_ other: CharacterCounts) {
    characters += other.characters
    for kind in counts.indices {
      counts[kind].found += other.counts[kind].found
      counts[kind].rows += other.counts[kind].rows
      counts[kind].firstLine = counts[kind].firstLine ?? other.counts[kind].firstLine
    }
  }

  private mutating func found(_ kind: Kind) { inRow[kind.rawValue] += 1 }

  /// 1 for the ASCII characters that are of no kind.
  private static let isPlain: [UInt8] = (UInt8(0)..<128).map { byte in
    let isControl = byte == 0x7F || byte < 0x20 && ![0x09, 0x0A, 0x0D].contains(byte)
    return isControl || "$\\<&:".utf8.contains(byte) ? 0 : 1
  }

  private mutating func note(_ scalar: Unicode.Scalar) {
    found(.nonASCII)
    switch scalar.value {
    case 0xFFFD: found(.replacement)
    case 0x80..<0xA0: found(.control)
    default: if scalar.properties.generalCategory == .format { found(.invisible) }
    }
  }

  private mutating func note(_ byte: UInt8, _ text: UnsafeBufferPointer<UInt8>, _ place: Int) {
    /// Whether one to `limit` bytes of a kind follow, and then `end`.
    func follows(from start: Int, limit: Int, end: UInt8, _ isInside: (UInt8) -> Bool) -> Bool {
      var next = start
      while next < text.count, next - start <= limit, isInside(text[next]) { next += 1 }
      return next > start && next < text.count && text[next] == end
    }
    let next = place + 1 < text.count ? text[place + 1] : 0
    switch byte {
    case UInt8(ascii: "$"): found(.math)
    case UInt8(ascii: "\\"): if Self.isLetter(next) { found(.latex) }
    case UInt8(ascii: "<"):
      guard Self.isLetter(next) || next == UInt8(ascii: "/") else { return }
      if follows(from: place + 1, limit: 200, end: UInt8(ascii: ">"), { !"<>\n".utf8.contains($0) }) { found(.tags) }
    case UInt8(ascii: "&"):
      if follows(from: place + 1, limit: 10, end: UInt8(ascii: ";"), Self.isInEntity) {
        found(.entities)
      }
    case UInt8(ascii: ":"):
      guard next == UInt8(ascii: "/"), place + 2 < text.count, text[place + 2] == UInt8(ascii: "/") else { return }
      let word = text[max(0, place - 5)..<place].map { $0 | 0x20 }
      if word.suffix(4) == Array("http".utf8)[...] || word == Array("https".utf8) { found(.links) }
    default: found(.control)
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }

  private static func isInEntity(_ byte: UInt8) -> Bool {
    isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "#")
  }
}
