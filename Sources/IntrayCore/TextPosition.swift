/// Where in a text a byte is: what error messages need, computed only when there is an error.
public enum TextPosition {
  /// The offset of the first byte that is NUL or no valid UTF-8; nil when all is text. Overlong forms, surrogates and
  /// code points above U+10FFFF are invalid (Unicode, table 3-7).
  public static func firstNonText(in bytes: UnsafeRawBufferPointer) -> Int? {
    let count = bytes.count
    var i = 0
    while i < count {
      if i + 8 <= count {
        // Eight bytes of ASCII, none of them 0: subtracting 1 from each sets no high bit.
        let word = bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)
        if (word | (word &- 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 == 0 {
          i += 8
          continue
        }
      }
      let lead = bytes[i]
      let length: Int
      var second: ClosedRange<UInt8> = 0x80...0xBF
      switch lead {
      case 0x01...0x7F:
        i += 1
        continue
      case 0xC2...0xDF: length = 2
      case 0xE0: (length, second) = (3, 0xA0...0xBF)
      case 0xED: (length, second) = (3, 0x80...0x9F)
      case 0xE1...0xEF: length = 3
      case 0xF0: (length, second) = (4, 0x90...0xBF)
      case 0xF4: (length, second) = (4, 0x80...0x8F)
      case 0xF1...0xF3: length = 4
      default: return i
      }
      guard i + length <= count, second.contains(bytes[i + 1]) else { return i }
      for j in 2..<max(length, 2) where bytes[i + j] & 0xC0 != 0x80 { return i }
      i += length
    }
    return nil
  }

  /// Line and column (from 1) of the byte at `offset`. Lines end with LF, CRLF or CR; columns count characters.
  public static func lineAndColumn(of offset: Int, in bytes: UnsafeRawBufferPointer) -> (line: Int, column: Int) {
    var (line, column) = (1, 1)
    for i in 0..<min(max(offset, 0), bytes.count) {
      switch bytes[i] {
      case UInt8(ascii: "\n"): (line, column) = (i > 0 && bytes[i - 1] == UInt8(ascii: "\r") ? line : line + 1, 1)
      case UInt8(ascii: "\r"): (line, column) = (line + 1, 1)
      // A byte that continues a character adds no column.
      case 0x80...0xBF: break
      default: column += 1
      }
    }
    return (line, column)
  }
}
