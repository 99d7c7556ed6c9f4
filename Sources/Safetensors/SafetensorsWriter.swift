import FileKit
import IntrayCore

/// Writes a safetensors file, the same bytes as Hugging Face's library would write.
///
/// (1) The file appears under its name whole, or not at all.
/// (2) Tensors are streamed: nothing is copied, whatever their size.
///
///     var writer = SafetensorsWriter("out/model.safetensors")
///     writer.add("classifier.weight", dtype: .float32, shape: [8, 384], bytes: bytes)
///     try writer.publish(metadata: ["format": "pt"])
public struct SafetensorsWriter {
  public let path: String
  private var tensors: [(name: String, dtype: DType, shape: [Int], bytes: UnsafeRawBufferPointer)] = []
  private var names: Set<String> = []

  public init(_ path: String) { self.path = path }

  /// - Parameter bytes: row-major, little-endian; lent until `publish` returns.
  public mutating func add(_ name: String, dtype: DType, shape: [Int], bytes: UnsafeRawBufferPointer) {
    precondition(dtype.byteCount(of: shape) == bytes.count, "\(name): \(shape) is not \(bytes.count) bytes")
    precondition(
      names.insert(name).inserted && name != SafetensorsHeader.metadataKey, "two tensors called \(name)")
    tensors.append((name, dtype, shape, bytes))
  }

  /// Writes, syncs and renames into place; replaces an earlier file of that name.
  /// - Throws: `IntrayError(.system)`; the earlier file is then as it was.
  public func publish(metadata: [String: String] = [:]) throws {
    // The library's order: the widest types first (all are then aligned), names within a type.
    let order = Dictionary(uniqueKeysWithValues: DType.allCases.enumerated().map { ($1, $0) })
    let sorted = tensors.sorted { a, b in
      let (rankA, rankB) = (order[a.dtype, default: 0], order[b.dtype, default: 0])
      return rankA == rankB ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8) : rankA > rankB
    }
    var header = SafetensorsHeader(metadata: metadata)
    var end = 0
    for tensor in sorted {
      header.tensors[tensor.name] = .init(
        dtype: tensor.dtype, shape: tensor.shape, range: end..<end + tensor.bytes.count)
      end += tensor.bytes.count
    }
    let text = header.text(order: sorted.map(\.name))

    try Files.publish(to: path) { writer in
      try withUnsafeBytes(of: UInt64(text.count).littleEndian) { try writer.write($0) }
      try text.withUnsafeBytes { try writer.write($0) }
      for tensor in sorted { try writer.write(tensor.bytes) }
    }
  }
}
