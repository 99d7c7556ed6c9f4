/// Markup. What stands in a literal is markup; what is interpolated is text and gets escaped:
///
///     let cell: HTML = "<td>\(label)</td>"
///
/// (1) Text from outside never becomes markup: an interpolated `String` is always escaped.
/// (2) It stays well-formed XML 1.0 where the literals are. Characters that XML has no place for are shown as others, and
///     those that turn the direction of writing, which would mix up the text around them, too.
public struct HTML: Sendable, Equatable, ExpressibleByStringInterpolation {
  public let markup: String

  public init(stringLiteral markup: String) { self.markup = markup }

  public init(stringInterpolation: StringInterpolation) { markup = stringInterpolation.markup }

  public struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var markup = ""

    public init(literalCapacity: Int, interpolationCount: Int) {
      markup.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    public mutating func appendLiteral(_ literal: String) { markup += literal }

    public mutating func appendInterpolation(_ text: String) {
      for scalar in text.unicodeScalars { append(scalar) }
    }

    public mutating func appendInterpolation(_ html: HTML) { markup += html.markup }

    public mutating func appendInterpolation(_ parts: [HTML]) { for part in parts { markup += part.markup } }

    public mutating func appendInterpolation(_ number: Int) { markup += String(number) }

    /// A coordinate: two decimals at most.
    public mutating func appendInterpolation(_ coordinate: Double) { markup += NumberText.short(coordinate) }

    private mutating func append(_ scalar: Unicode.Scalar) {
      switch scalar.value {
      case 0x26: markup += "&amp;"
      case 0x3C: markup += "&lt;"
      case 0x3E: markup += "&gt;"
      case 0x22: markup += "&quot;"
      case 0x27: markup += "&#39;"
      case 0x09, 0x0A: markup.unicodeScalars.append(scalar)
      // The control pictures: U+2400 shows NUL.
      case 0x00..<0x20: markup.unicodeScalars.append(Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}")
      case 0x7F: markup += "\u{2421}"
      case 0x80..<0xA0, 0x202A...0x202E, 0x2066...0x2069, 0xFDD0...0xFDEF: markup += "\u{FFFD}"
      case let value where value & 0xFFFE == 0xFFFE: markup += "\u{FFFD}"
      default: markup.unicodeScalars.append(scalar)
      }
    }
  }
}
