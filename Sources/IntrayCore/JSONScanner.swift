/// Reads JSON piece by piece, for large or untrusted files whose shape is known, where `JSON.decode` will not do: it
/// keeps the order and every member, also those whose names are equal strings in Swift but differ in their bytes.
///
/// (1) Whatever the bytes are, reading ends with a value or an `IntrayError`.
/// (2) Nesting costs no stack except in `skip`, which has a limit.
///
///     var scanner = JSONScanner(bytes, path: "model.safetensors", code: .model)
///     try scanner.object { scanner, name in shapes[name] = try scanner.array { try $0.integer() } }
///     try scanner.end()
public struct JSONScanner {
  private let text: UnsafeRawBufferPointer
  private let path: String
  private let code: IntrayError.Code
  private var position = 0

  /// The deepest nesting that `skip` goes into.
  public static let deepest = 128

  /// - Parameters:
  ///   - text: UTF-8, lent as long as the scanner is used.
  ///   - path, code: for the errors.
  public init(_ text: UnsafeRawBufferPointer, path: String, code: IntrayError.Code) {
    self.text = text
    self.path = path
    self.code = code
  }

  /// An error of this file.
  public func error(_ message: String) -> IntrayError { IntrayError(code, message, at: .init(path)) }

  private func unexpected(_ expected: String) -> IntrayError {
    error("not the JSON that was expected: byte \(position): \(expected)")
  }

  /// Calls `member` with the name of each member; it has to read the value.
  public mutating func object(_ member: (inout Self, String) throws -> Void) throws {
    try expect(UInt8(ascii: "{"), "no '{'")
    if accept(UInt8(ascii: "}")) { return }
    repeat {
      let name = try string()
      try expect(UInt8(ascii: ":"), "no ':'")
      try member(&self, name)
    } while accept(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"), "no ',' or '}'")
  }

  /// Calls `element` for each element; it has to read it.
  public mutating func array<Element>(
    atMost limit: Int = .max, _ element: (inout Self) throws -> Element
  ) throws -> [Element] {
    try expect(UInt8(ascii: "["), "no '['")
    if accept(UInt8(ascii: "]")) { return [] }
    var elements: [Element] = []
    repeat {
      guard elements.count < limit else { throw unexpected("more than \(limit) elements") }
      elements.append(try element(&self))
    } while accept(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"), "no ',' or ']'")
    return elements
  }

  /// A whole number from 0 that an `Int` holds.
  public mutating func integer() throws -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < text.count, case let digit = text[position] &- UInt8(ascii: "0"), digit < 10 {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(digit))
      guard !overflow, !carry else { throw unexpected("a number of 2^63 or more") }
      value = sum
      position += 1
    }
    let hasLeadingZero = position - start > 1 && text[start] == UInt8(ascii: "0")
    guard position > start, !hasLeadingZero else { throw unexpected("no whole number") }
    return value
  }

  public mutating func string() throws -> String {
    try expect(UInt8(ascii: "\""), "no '\"'")
    let start = position
    while position < text.count, text[position] != UInt8(ascii: "\""), text[position] != UInt8(ascii: "\\") {
      guard text[position] >= 0x20 else { throw unexpected("a control character in a text") }
      position += 1
    }
    var bytes = Array(text[start..<position])
    while position < text.count {
      let byte = text[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: bytes, as: UTF8.self) else {
          throw unexpected("a text that is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): try escape(into: &bytes)
      case 0..<0x20: throw unexpected("a control character in a text")
      default: bytes.append(byte)
      }
    }
    throw unexpected("a text without end")
  }

  private mutating func escape(into bytes: inout [UInt8]) throws {
    guard position < text.count else { throw unexpected("a text without end") }
    let byte = text[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexUnit()
      if (0xD800..<0xDC00).contains(code), position + 1 < text.count, text[position] == UInt8(ascii: "\\"),
        text[position + 1] == UInt8(ascii: "u")
      {
        position += 2
        let low = try hexUnit()
        guard (0xDC00..<0xE000).contains(low) else { throw unexpected("half a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let encoded = Unicode.Scalar(code).flatMap(UTF8.encode) else { throw unexpected("half a surrogate pair") }
      bytes.append(contentsOf: encoded)
    default: throw unexpected("an unknown escape")
    }
  }

  private mutating func hexUnit() throws -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard position < text.count, text[position] < 0x80,
        let digit = Character(Unicode.Scalar(text[position])).hexDigitValue
      else { throw unexpected("not four hex digits") }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  /// Passes over a value of any kind.
  public mutating func skip() throws { try skip(depth: 0) }

  private mutating func skip(depth: Int) throws {
    guard depth < Self.deepest else { throw unexpected("nested deeper than \(Self.deepest)") }
    skipSpace()
    guard position < text.count else { throw unexpected("no value") }
    switch text[position] {
    case UInt8(ascii: "{"): try object { scanner, _ in try scanner.skip(depth: depth + 1) }
    case UInt8(ascii: "["): _ = try array { try $0.skip(depth: depth + 1) }
    case UInt8(ascii: "\""): _ = try string()
    default:
      // A number, true, false or null: what they are does not matter.
      let start = position
      while position < text.count, isWord(text[position]) { position += 1 }
      guard position > start else { throw unexpected("no value") }
    }
  }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
      UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  /// - Throws: when something is left.
  public mutating func end() throws {
    skipSpace()
    guard position == text.count else { throw unexpected("more behind the end") }
  }

  private mutating func skipSpace() {
    while position < text.count {
      switch text[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private mutating func accept(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < text.count, text[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ byte: UInt8, _ problem: String) throws {
    guard accept(byte) else { throw unexpected(problem) }
  }
}
