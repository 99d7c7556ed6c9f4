import Foundation
import IntrayCore

/// A regular file, read from its start to its end.
public final class FileReader {
  public let path: String
  /// As it was when the file was opened.
  public let status: FileStatus
  private let descriptor: Descriptor

  public init(_ path: String, followingLinks: Bool = true) throws {
    self.path = path
    descriptor = try Descriptor.reading(path, followingLinks: followingLinks)
    status = try descriptor.status(path)
  }

  /// Fills `buffer` as far as the file goes. Fewer bytes than it holds mean the end of the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try descriptor.read(into: buffer, path)
  }

  func seek(to offset: Int) throws {
    try systemCall(.read, "seek", path) { lseek(descriptor.number, offset, SEEK_SET) }
  }

  func forEachChunk(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try read(into: buffer)
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      if count < buffer.count { return }
    }
  }
}
