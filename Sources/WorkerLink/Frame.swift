import Foundation
import IntrayCore

/// One message on the pipe between worker and host: its length in bytes (4 bytes, little-endian), then that many bytes
/// of JSON.
///
/// (1) A frame's body has 1 byte to 1 MiB. Anything else on the pipe is not a frame, and nothing behind it is trusted.
/// (2) The decoder holds at most one frame and what was appended last: a worker cannot make the host grow.
public enum Frame {
  /// The longest body, in bytes.
  public static let limit = 1 << 20

  static let headerSize = 4

  /// Header and body, ready to be written.
  /// - Throws: `IntrayError(.bug)` when the body is empty or beyond the limit.
  public static func encode(_ body: Data) throws -> Data {
    guard !body.isEmpty, body.count <= limit else {
      throw IntrayError(.bug, "a frame of \(body.count) bytes; it must have 1 to \(limit)")
    }
    var frame = Data(capacity: headerSize + body.count)
    withUnsafeBytes(of: UInt32(body.count).littleEndian) { frame.append(contentsOf: $0) }
    frame.append(body)
    return frame
  }
}

/// Takes frames out of a stream of bytes that comes in pieces of any size.
///
///     decoder.append(bytes)
///     while let body = try decoder.next() { ... }
public struct FrameDecoder {
  private var buffer: [UInt8] = []
  private var position = 0

  public init() {}

  /// Whether the stream would end in the middle of a frame if it ended now.
  public var isInsideFrame: Bool { position < buffer.count }

  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    if position > 0 {
      buffer.removeSubrange(..<position)
      position = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next complete frame's body, nil when more bytes are needed.
  /// - Throws: `IntrayError(.crashed)` when the bytes are no frame. The stream is of no more use then: every further
  ///   call throws again.
  public mutating func next() throws -> Data? {
    guard buffer.count - position >= Frame.headerSize else { return nil }
    var length = 0
    for index in (0..<Frame.headerSize).reversed() { length = length << 8 | Int(buffer[position + index]) }
    guard length >= 1, length <= Frame.limit else {
      throw IntrayError(
        .crashed, "the worker's pipe carries a frame of \(length) bytes; a frame has 1 to \(Frame.limit)",
        hint: "the plugin may have written to a file descriptor that is not its own", isTransient: true)
    }
    let start = position + Frame.headerSize
    guard buffer.count - start >= length else { return nil }
    position = start + length
    return Data(buffer[start..<position])
  }
}
