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
    // The format's description has the header start with it.
    guard text.first == UInt8(ascii: "{") else {
      throw IntrayError(.model, "not a safetensors file: its header is no JSON object", at: .init(path))
    }
    var scanner = JSONScanner(text, path: path, code: .model)
    var sawMetadata = false
    try scanner.object { scanner, name in
      if name == Self.metadataKey {
        guard !sawMetadata else { throw scanner.error("the metadata is there twice") }
        sawMetadata = true
        try scanner.object { scanner, key in
          guard metadata.updateValue(try scanner.string(), forKey: key) == nil else {
            throw scanner.error("metadata key '\(key)' is there twice")
          }
        }
      } else {
        guard tensors.updateValue(try Self.tensor(name, &scanner), forKey: name) == nil else {
          throw scanner.error("tensor '\(name)' is there twice")
        }
      }
    }
    try scanner.end()

    var end = 0
    for (name, tensor) in tensors.sorted(by: {
      ($0.value.range.lowerBound, $0.value.range.upperBound) < ($1.value.range.lowerBound, $1.value.range.upperBound)
    }) {
      guard let size = tensor.dtype.byteCount(of: tensor.shape), size == tensor.range.count else {
        throw scanner.error(
          "tensor '\(name)' has \(tensor.range.count) bytes, which is not what \(tensor.dtype.rawValue) \(tensor.shape) needs"
        )
      }
      guard tensor.range.lowerBound == end else {
        let what = tensor.range.lowerBound > end ? "leaves a hole after" : "overlaps"
        throw scanner.error(
          "tensor '\(name)' \(what) the data before it (starts at \(tensor.range.lowerBound), not \(end))")
      }
      end = tensor.range.upperBound
    }
    guard end == dataCount else {
      let what = end > dataCount ? "the file is cut off" : "there is something behind the last tensor"
      throw scanner.error("the tensors take \(end) bytes, the file has \(dataCount) for them: \(what)")
    }
  }

  private static func tensor(_ name: String, _ scanner: inout JSONScanner) throws -> Tensor {
    var dtype: DType?
    var shape: [Int]?
    var range: Range<Int>?
    try scanner.object { scanner, key in
      switch key {
      case "dtype" where dtype == nil:
        let word = try scanner.string()
        guard let known = DType(rawValue: word) else {
          throw scanner.error("tensor '\(name)' has the unknown dtype '\(word)'")
        }
        dtype = known
      case "shape" where shape == nil:
        shape = try scanner.array(atMost: highestRank) { try $0.integer() }
      case "data_offsets" where range == nil:
        let ends = try scanner.array(atMost: 2) { try $0.integer() }
        guard ends.count == 2, ends[0] <= ends[1] else {
          throw scanner.error("tensor '\(name)' has the data_offsets \(ends), not a start and an end")
        }
        range = ends[0]..<ends[1]
      default:
        throw scanner.error("tensor '\(name)' has the key '\(key)' twice, or it is none of dtype, shape, data_offsets")
      }
    }
    guard let dtype, let shape, let range else {
      throw scanner.error("tensor '\(name)' lacks one of dtype, shape, data_offsets")
    }
    return Tensor(dtype: dtype, shape: shape, range: range)
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
