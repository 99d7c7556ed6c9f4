/// Characters of UTF-8 bytes, without a `String` around them.
enum TextScalars {
  /// The character at a place and how many bytes it takes; a byte that starts none is U+FFFD.
  @inline(__always)
  static func scalar(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> (scalar: Unicode.Scalar, length: Int) {
    let lead = text[place]
    let length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
    guard lead < 0x80 || lead >= 0xC2, place + length <= text.count else { return ("\u{FFFD}", 1) }
    var value = length == 1 ? UInt32(lead) : UInt32(lead) & (0x7F >> UInt32(length))
    for offset in 1..<max(length, 1) { value = value << 6 | UInt32(text[place + offset] & 0x3F) }
    return Unicode.Scalar(value).map { ($0, length) } ?? ("\u{FFFD}", 1)
  }

  /// Whether a word of a vocabulary could be cut here: not inside a character.
  static func isBoundary(_ byte: UInt8) -> Bool { byte & 0xC0 != 0x80 }

  /// What a character is for words.
  enum Kind: UInt8 {
    case separator
    /// A letter, a digit or a mark on one.
    case letter
    /// A letter that lower case changes.
    case upper
    /// A word of its own.
    case ideograph
  }

  static func kind(_ scalar: Unicode.Scalar) -> Kind {
    if scalar.value < 0x10000 { return Kind(rawValue: plane[Int(scalar.value)]) ?? .separator }
    return lookUp(scalar)
  }

  /// The kinds of U+0000...U+FFFF: looking them up anew is slow.
  private static let plane: [UInt8] = (UInt32(0)..<0x10000).map { value in
    Unicode.Scalar(value).map { lookUp($0).rawValue } ?? Kind.separator.rawValue
  }

  private static func lookUp(_ scalar: Unicode.Scalar) -> Kind {
    let properties = scalar.properties
    if properties.isIdeographic { return .ideograph }
    switch properties.generalCategory {
    case .lowercaseLetter, .otherLetter, .modifierLetter, .uppercaseLetter, .titlecaseLetter, .decimalNumber,
      .letterNumber, .otherNumber, .nonspacingMark, .spacingMark, .enclosingMark:
      return properties.changesWhenLowercased ? .upper : .letter
    default: return .separator
    }
  }
}
