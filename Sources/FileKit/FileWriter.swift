import Foundation
import IntrayCore

/// Writes a file through a buffer. What `close` has not flushed is lost, as when the process had died.
public final class FileWriter {
  public let path: String
  private var descriptor: Descriptor?
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)
  private var filled = 0

  /// A new file; an old one of this name is emptied. A symbolic link is refused.
  public convenience init(_ path: String) throws {
    try self.init(path, flags: O_CREAT | O_TRUNC)
  }

  /// Goes on behind what the file holds already.
  public convenience init(appendingTo path: String) throws {
    try self.init(path, flags: O_CREAT | O_APPEND)
  }

  init(_ path: String, flags: Int32) throws {
    self.path = path
    let flags = flags | O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
    let file = Descriptor(try systemCall(.open, "create", path) { Glibc.open(path, flags, 0o666) })
    guard try file.status(path).kind == .file else {
      throw IntrayError(.system, "not a regular file", at: .init(path))
    }
    descriptor = file
  }

  deinit { buffer.deallocate() }

  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    if bytes.count > buffer.count - filled { try flush() }
    if bytes.count > buffer.count {
      try open().write(bytes, path)
    } else {
      UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyMemory(from: bytes)
      filled += bytes.count
    }
  }

  public func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
  }

  /// Hands the buffer to the system: other processes see it from now on.
  public func flush() throws {
    guard filled > 0 else { return }
    let count = filled
    // Once only: after a failed write nobody knows how much of it has arrived.
    filled = 0
    try open().write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), path)
  }

  /// Flushes and closes. With `sync` the content outlives a power cut.
  public func close(sync: Bool = false) throws {
    try flush()
    let file = try open()
    if sync { try file.sync(path) }
    descriptor = nil
    // A disk over the network reports at a close what it could not write, also at that of a duplicate (close(2)).
    try systemCall(.close, "close", path) {
      withExtendedLifetime(file) {
        let duplicate = dup(file.number)
        return duplicate == -1 ? -1 : Glibc.close(duplicate)
      }
    }
  }

  private func open() throws -> Descriptor {
    guard let descriptor else { throw IntrayError(.bug, "written to after it was closed", at: .init(path)) }
    return descriptor
  }
}
