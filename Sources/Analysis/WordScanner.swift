/// Cuts text into words. A word is a run of letters, digits and marks, in lower case; an apostrophe between two letters
/// belongs to it (`don't`), a hyphen does not; a Han ideograph is a word of its own.
struct WordScanner {
  /// The words behind each other, UTF-8.
  private(set) var bytes: [UInt8] = []
  /// Where each word ends.
  private(set) var ends: [Int] = []
  private(set) var hashes: [UInt64] = []

  var count: Int { hashes.count }

  func range(_ word: Int) -> Range<Int> { (word == 0 ? 0 : ends[word - 1])..<ends[word] }

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    hashes.removeAll(keepingCapacity: true)
  }

  /// The lower case of ASCII letters and digits; 0 for what ends a word.
  private static let letters: [UInt8] = (UInt8(0)..<128).map { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
    default: 0
    }
  }

  /// Adds the words of a text.
  mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
    Self.letters.withUnsafeBufferPointer { letters in
      var place = 0
      while place < text.count {
        let byte = text[place]
        if byte < 0x80 {
          let letter = letters[Int(byte)]
          if letter != 0 {
            bytes.append(letter)
          } else if byte == UInt8(ascii: "'") {
            joinOrFinish(text, next: place + 1)
          } else {
            finish()
          }
          place += 1
        } else {
          let (scalar, length) = TextScalars.scalar(text, at: place)
          append(scalar, text, next: place + length)
          place += length
        }
      }
      finish()
    }
  }

  @inline(never)
  private mutating func append(_ scalar: Unicode.Scalar, _ text: UnsafeBufferPointer<UInt8>, next: Int) {
    switch TextScalars.kind(scalar) {
    case .separator:
      // The typographic apostrophe.
      if scalar.value == 0x2019 { joinOrFinish(text, next: next) } else { finish() }
    case .letter: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    case .upper: bytes.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
    case .ideograph:
      finish()
      bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      finish()
    }
  }

  /// An apostrophe: within a word it stays.
  private mutating func joinOrFinish(_ text: UnsafeBufferPointer<UInt8>, next: Int) {
    guard bytes.count > (ends.last ?? 0), next < text.count else { return finish() }
    switch TextScalars.kind(TextScalars.scalar(text, at: next).scalar) {
    case .letter, .upper: bytes.append(UInt8(ascii: "'"))
    case .separator, .ideograph: finish()
    }
  }

  @inline(__always)
  private mutating func finish() {
    let start = ends.last ?? 0
    guard bytes.count > start else { return }
    hashes.append(bytes.withUnsafeBufferPointer { ByteHash.of(UnsafeBufferPointer(rebasing: $0[start...])) })
    ends.append(bytes.count)
  }
}
