import FileKit
import IntrayCore

/// A safetensors file, mapped into memory.
///
/// (1) A file that opens is whole: each tensor's bytes lie inside it, and there is nothing else in it.
/// (2) Opening touches the header only; a tensor's pages come in when they are read.
/// (3) Nothing in the file can trap or exhaust memory.
///
///     let file = try SafetensorsFile("model.safetensors")
///     try file.read("classifier.weight", shape: [8, 384], into: buffer)
public final class SafetensorsFile: Sendable {
  /// One tensor. It keeps the file mapped: `bytes` stay valid while the entry or the file lives.
  public struct Entry {
    public let dtype: DType
    public let shape: [Int]
    /// Row-major, little-endian, not always aligned.
    public let bytes: UnsafeRawBufferPointer
    private let file: MappedFile

    fileprivate init(_ tensor: SafetensorsHeader.Tensor, at start: Int, in file: MappedFile) {
      dtype = tensor.dtype
      shape = tensor.shape
      bytes = UnsafeRawBufferPointer(
        rebasing: file.bytes[start + tensor.range.lowerBound..<start + tensor.range.upperBound])
      self.file = file
    }
  }

  public let path: String
  /// What the writer noted, `["format": "pt"]` as a rule.
  public let metadata: [String: String]
  private let tensors: [String: SafetensorsHeader.Tensor]
  private let dataStart: Int
  private let file: MappedFile

  /// - Throws: `IntrayError(.model)` for a file that is not safetensors, is cut off, or lies about its contents;
  ///   `.missing` or `.system` when it cannot be opened.
  public init(_ path: String) throws {
    self.path = path
    file = try MappedFile(path)
    let bytes = file.bytes
    guard bytes.count >= 8 else {
      throw IntrayError(
        .model, "not a safetensors file: \(bytes.count) bytes, shorter than the length of a header", at: .init(path))
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(SafetensorsHeader.longest) else {
      throw IntrayError(
        .model, "not a safetensors file: it names a header of \(length) bytes; at most \(SafetensorsHeader.longest)",
        at: .init(path))
    }
    dataStart = 8 + Int(length)
    guard dataStart <= bytes.count else {
      throw IntrayError(
        .model, "the file is cut off: its header has \(length) bytes, the file only \(bytes.count) in all",
        at: .init(path))
    }
    let header = try SafetensorsHeader(
      parsing: UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]), dataCount: bytes.count - dataStart, path: path)
    metadata = header.metadata
    tensors = header.tensors
  }

  /// All tensors' names, sorted.
  public var names: [String] { tensors.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

  public func entry(_ name: String) -> Entry? { tensors[name].map { Entry($0, at: dataStart, in: file) } }

  /// Reads a tensor of floating-point numbers as fp32. F16 and BF16 are exact, F64 is rounded to nearest.
  /// - Parameters:
  ///   - shape: what the tensor must be.
  ///   - destination: as many elements as `shape` has.
  /// - Throws: `IntrayError(.model)` that names the tensor, what was expected and what was found.
  public func read(_ name: String, shape: [Int], into destination: UnsafeMutableBufferPointer<Float>) throws {
    guard let entry = entry(name) else {
      throw IntrayError(
        .model, "no tensor '\(name)'; expected one of shape \(shape)", at: .init(path),
        hint: Suggestion.nearest(to: name, among: tensors.keys).map { "did you mean '\($0)'?" })
    }
    guard entry.shape == shape else {
      throw IntrayError(.model, "tensor '\(name)': expected shape \(shape), found \(entry.shape)", at: .init(path))
    }
    precondition(entry.bytes.count == destination.count * entry.dtype.size, "the destination has another size")
    guard FloatConversion.convert(entry.bytes, of: entry.dtype, into: destination) else {
      throw IntrayError(
        .model, "tensor '\(name)': expected F32, F16, BF16 or F64, found \(entry.dtype.rawValue)", at: .init(path))
    }
  }
}
