import IntrayCore

/// The JSON header of a safetensors file: a flat mapping from tensor names to type, shape and place.
///
/// (1) The text comes from anywhere: whatever the bytes are, reading ends with a header or an `IntrayError`.
/// (2) The tensors tile the data exactly: no hole, no overlap, nothing behind the last one.
/// (3) The grammar has a fixed depth, so nesting cannot exhaust the stack.
///
/// Source: https://huggingface.co/docs/safetensors, and the checks of its Rust library.
struct SafetensorsHeader {
  struct Tensor: Equatable {
    var dtype: DType
    var shape: [Int]
    /// Bytes, counted from the end of the header.
    var range: Range<Int>
  }

  var metadata: [String: String] = [:]
  var tensors: [String: Tensor] = [:]

  /// The Rust library's limit, which keeps a hostile length from costing memory.
  static let longest = 100_000_000
  /// PyTorch allows 64.
  static let highestRank = 64
  static let metadataKey = "__metadata__"
}

extension SafetensorsHeader {
  /// - Parameters:
  ///   - text: the header without its length.
  ///   - dataCount: the bytes that follow it in the file.
  /// - Throws: `IntrayError(.model)` at `path`.
  init(parsing text: UnsafeRawBufferPointer, dataCount: Int, path: String) throws {
    var parser = HeaderParser(text: text, path: path)
    try parser.parse(into: &self)

    var end = 0
    for (name, tensor) in tensors.sorted(by: {
      ($0.value.range.lowerBound, $0.value.range.upperBound) < ($1.value.range.lowerBound, $1.value.range.upperBound)
    }) {
      guard let size = tensor.dtype.byteCount(of: tensor.shape), size == tensor.range.count else {
        throw parser.error(
          "tensor '\(name)' has \(tensor.range.count) bytes, which is not what \(tensor.dtype.rawValue) \(tensor.shape) needs"
        )
      }
      guard tensor.range.lowerBound == end else {
        let what = tensor.range.lowerBound > end ? "leaves a hole after" : "overlaps"
        throw parser.error(
          "tensor '\(name)' \(what) the data before it (starts at \(tensor.range.lowerBound), not \(end))")
      }
      end = tensor.range.upperBound
    }
    guard end == dataCount else {
      let what = end > dataCount ? "the file is cut off" : "there is something behind the last tensor"
      throw parser.error("the tensors take \(end) bytes, the file has \(dataCount) for them: \(what)")
    }
  }

  /// The text of a header as the Rust library writes it, padded with spaces so that the data starts at a multiple of 8.
  /// - Parameter order: the tensors' names in the order of their data.
  func text(order: [String]) -> [UInt8] {
    var json = "{"
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
      json += "\(Self.quoted(Self.metadataKey)):{\(pairs.joined(separator: ","))}"
      if !order.isEmpty { json += "," }
    }
    json += order.compactMap { name in
      tensors[name].map { tensor in
        let shape = tensor.shape.map(String.init).joined(separator: ",")
        return "\(Self.quoted(name)):{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(tensor.range.lowerBound),\(tensor.range.upperBound)]}"
      }
    }.joined(separator: ",")
    json += "}"
    var bytes = Array(json.utf8)
    while bytes.count % 8 != 0 { bytes.append(UInt8(ascii: " ")) }
    return bytes
  }

  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{8}": out += "\\b"
      case "\u{C}": out += "\\f"
      case "\0"..<" ":
        let hex = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}

/// A strict reader of exactly the JSON that a header may be.
private struct HeaderParser {
  let text: UnsafeRawBufferPointer
  let path: String
  var position = 0

  init(text: UnsafeRawBufferPointer, path: String) {
    self.text = text
    self.path = path
  }

  func error(_ message: String) -> IntrayError {
    IntrayError(.model, "not a usable safetensors file: \(message)", at: .init(path))
  }

  private func unexpected(_ expected: String) -> IntrayError {
    error("header byte \(position): expected \(expected)")
  }

  mutating func parse(into header: inout SafetensorsHeader) throws {
    guard text.first == UInt8(ascii: "{") else { throw unexpected("'{'") }
    var sawMetadata = false
    try object { parser, name in
      if name == SafetensorsHeader.metadataKey {
        guard !sawMetadata else { throw parser.error("the metadata is there twice") }
        sawMetadata = true
        try parser.object { parser, key in
          guard header.metadata.updateValue(try parser.string(), forKey: key) == nil else {
            throw parser.error("metadata key '\(key)' is there twice")
          }
        }
      } else {
        guard header.tensors.updateValue(try parser.tensor(name), forKey: name) == nil else {
          throw parser.error("tensor '\(name)' is there twice")
        }
      }
    }
    skipSpace()
    guard position == text.count else { throw unexpected("nothing after the last '}'") }
  }

  private mutating func tensor(_ name: String) throws -> SafetensorsHeader.Tensor {
    var dtype: DType?
    var shape: [Int]?
    var range: Range<Int>?
    try object { parser, key in
      switch key {
      case "dtype" where dtype == nil:
        let word = try parser.string()
        guard let known = DType(rawValue: word) else {
          throw parser.error("tensor '\(name)' has the unknown dtype '\(word)'")
        }
        dtype = known
      case "shape" where shape == nil:
        shape = try parser.integers(atMost: SafetensorsHeader.highestRank)
      case "data_offsets" where range == nil:
        let ends = try parser.integers(atMost: 2)
        guard ends.count == 2, ends[0] <= ends[1] else {
          throw parser.error("tensor '\(name)' has the data_offsets \(ends), not a start and an end")
        }
        range = ends[0]..<ends[1]
      default:
        throw parser.error("tensor '\(name)' has the key '\(key)' twice, or it is none of dtype, shape, data_offsets")
      }
    }
    guard let dtype, let shape, let range else {
      throw error("tensor '\(name)' lacks one of dtype, shape, data_offsets")
    }
    return .init(dtype: dtype, shape: shape, range: range)
  }

  private mutating func object(_ member: (inout Self, String) throws -> Void) throws {
    try expect(UInt8(ascii: "{"), "'{'")
    if accept(UInt8(ascii: "}")) { return }
    repeat {
      let key = try string()
      try expect(UInt8(ascii: ":"), "':'")
      try member(&self, key)
    } while accept(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"), "',' or '}'")
  }

  private mutating func integers(atMost limit: Int) throws -> [Int] {
    try expect(UInt8(ascii: "["), "'['")
    if accept(UInt8(ascii: "]")) { return [] }
    var numbers: [Int] = []
    repeat {
      guard numbers.count < limit else { throw unexpected("at most \(limit) numbers") }
      numbers.append(try integer())
    } while accept(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"), "',' or ']'")
    return numbers
  }

  private mutating func integer() throws -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < text.count, case let digit = text[position] &- UInt8(ascii: "0"), digit < 10 {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(digit))
      guard !overflow, !carry else { throw unexpected("a number below 2^63") }
      value = sum
      position += 1
    }
    let hasLeadingZero = position - start > 1 && text[start] == UInt8(ascii: "0")
    guard position > start, !hasLeadingZero else { throw unexpected("a whole number") }
    return value
  }

  private mutating func string() throws -> String {
    try expect(UInt8(ascii: "\""), "'\"'")
    var bytes: [UInt8] = []
    while position < text.count {
      let byte = text[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: bytes, as: UTF8.self) else { throw unexpected("UTF-8 text before") }
        return string
      case UInt8(ascii: "\\"): try escape(into: &bytes)
      case 0..<0x20: throw unexpected("no control character before")
      default: bytes.append(byte)
      }
    }
    throw unexpected("'\"', but the header ends")
  }

  private mutating func escape(into bytes: inout [UInt8]) throws {
    guard position < text.count else { throw unexpected("an escape, but the header ends") }
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
      if (0xD800..<0xDC00).contains(code) {
        guard position + 1 < text.count, text[position] == UInt8(ascii: "\\"), text[position + 1] == UInt8(ascii: "u")
        else { throw unexpected("the second half of a surrogate pair") }
        position += 2
        let low = try hexUnit()
        guard (0xDC00..<0xE000).contains(low) else { throw unexpected("the second half of a surrogate pair before") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw unexpected("a whole surrogate pair before") }
      bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default: throw unexpected("a known escape before")
    }
  }

  private mutating func hexUnit() throws -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard position < text.count, let digit = Character(Unicode.Scalar(text[position])).hexDigitValue,
        text[position] < 0x80
      else { throw unexpected("four hex digits") }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  private mutating func skipSpace() {
    while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
  }

  private mutating func accept(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < text.count, text[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ byte: UInt8, _ name: String) throws {
    guard accept(byte) else { throw unexpected(name) }
  }
}
