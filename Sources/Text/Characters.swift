/// A text in UTF-8, character by character.
///
/// A word is a maximal run of letters, marks and digits, with single apostrophes (' and ’) between two of them: `word2vec`,
/// `don't`, `naïve`. Hyphens and underscores end it.
struct Characters {
  enum Kind: UInt8 {
    /// Letters, and the marks on them.
    case letter
    /// Decimal digits of any script.
    case digit
    case space
    case apostrophe
    /// `.` and `,`: inside a number they belong to it.
    case point
    /// Other punctuation that any text has.
    case punctuation
    /// Characters without a shape, as the soft hyphen.
    case format
    case other

    @inline(__always) var isInWord: Bool { self == .letter || self == .digit }
  }

  let bytes: UnsafeBufferPointer<UInt8>

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  @inline(__always) var count: Int { bytes.count }

  func slice(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: bytes[range]) }

  /// What starts at a place, and how many bytes it takes.
  @inline(__always)
  func kind(at place: Int) -> (kind: Kind, length: Int) {
    let byte = bytes[place]
    switch byte {
    case 0x61...0x7A, 0x41...0x5A: return (.letter, 1)
    case 0x20, 0x09...0x0D: return (.space, 1)
    case 0x30...0x39: return (.digit, 1)
    case UInt8(ascii: "."), UInt8(ascii: ","): return (.point, 1)
    case UInt8(ascii: "'"): return (.apostrophe, 1)
    case UInt8(ascii: ";"), UInt8(ascii: ":"), UInt8(ascii: "!"), UInt8(ascii: "?"), UInt8(ascii: "\""),
      UInt8(ascii: "-"), UInt8(ascii: "("), UInt8(ascii: ")"):
      return (.punctuation, 1)
    case 0x80...: return kindBeyondASCII(at: place)
    default: return (.other, 1)
    }
  }

  private func kindBeyondASCII(at place: Int) -> (kind: Kind, length: Int) {
    let (scalar, length) = scalar(at: place)
    if scalar == "’" { return (.apostrophe, length) }
    let properties = scalar.properties
    if properties.isWhitespace { return (.space, length) }
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .letterNumber,
      .nonspacingMark, .spacingMark, .enclosingMark:
      return (.letter, length)
    case .decimalNumber: return (.digit, length)
    case .format: return (.format, length)
    default: return (.other, length)
    }
  }

  /// The character at a place. What is not UTF-8 is U+FFFD, a byte at a time.
  private func scalar(at place: Int) -> (scalar: Unicode.Scalar, length: Int) {
    let lead = bytes[place]
    let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1
    guard place + length <= count else { return ("\u{FFFD}", 1) }
    var value = UInt32(lead) & (length == 1 ? 0x7F : 0x7F >> UInt32(length))
    for byte in bytes[place + 1..<place + length] { value = value << 6 | UInt32(byte & 0x3F) }
    guard length == 1 ? lead < 0x80 : true, let scalar = Unicode.Scalar(value) else { return ("\u{FFFD}", 1) }
    return (scalar, length)
  }

  /// Where the word ends that has a letter or digit at `place`.
  @inline(__always)
  func wordEnd(from place: Int) -> Int {
    var end = place
    while end < count {
      let (kind, length) = kind(at: end)
      if kind.isInWord {
        end += length
      } else if kind == .apostrophe, end + length < count, self.kind(at: end + length).kind.isInWord {
        end += length
      } else {
        break
      }
    }
    return end
  }

  /// Where the white space ends that starts at `place`: there when there is none.
  func spaceEnd(from place: Int) -> Int {
    var end = place
    while end < count, case (.space, let length) = kind(at: end) { end += length }
    return end
  }

  /// Calls `body` with each run of characters that are no white space, and the white space before it.
  /// - Returns: the white space at the end.
  func forEachToken(_ body: (_ space: Range<Int>, _ token: Range<Int>) -> Void) -> Range<Int> {
    var place = 0
    while true {
      let start = spaceEnd(from: place)
      if start == count { return place..<count }
      var end = start
      while end < count {
        let (kind, length) = kind(at: end)
        if kind == .space { break }
        end += length
      }
      body(place..<start, start..<end)
      place = end
    }
  }

  /// Appends the text in lower case, by Unicode's mapping of each character by itself: a capital sigma at the end of a word
  /// becomes σ.
  func lowercase(into output: inout [UInt8]) {
    var place = 0
    while place < count {
      let byte = bytes[place]
      if byte < 0x80 {
        output.append(byte &- 0x41 < 26 ? byte | 0x20 : byte)
        place += 1
      } else {
        let (scalar, length) = scalar(at: place)
        if scalar.properties.changesWhenLowercased {
          output.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
        } else {
          output.append(contentsOf: bytes[place..<place + length])
        }
        place += length
      }
    }
  }
}
