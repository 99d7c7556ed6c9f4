import Foundation
import IntrayCore

/// A file in memory without being read: pages come from the disk when they are touched.
///
/// Who truncates the file while it is mapped kills the process with SIGBUS (mmap(2)), so map only files that are
/// replaced by rename: models, published results.
public final class MappedFile: @unchecked Sendable {
  public let path: String
  /// The whole file; valid as long as this object lives.
  public let bytes: UnsafeRawBufferPointer

  public init(_ path: String, followingLinks: Bool = true) throws {
    self.path = path
    let file = try Descriptor.reading(path, followingLinks: followingLinks)
    let size = try file.status(path).size
    guard size > 0 else {
      // mmap(2) refuses a length of 0.
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    if let code = FaultInjection.announce(.mmap) { throw IntrayError.system("cannot map", path, errno: code) }
    let start = withExtendedLifetime(file) { mmap(nil, size, PROT_READ, MAP_PRIVATE, file.number, 0) }
    guard let start, start != MAP_FAILED else {
      throw IntrayError.system("cannot map", path, errno: errno)
    }
    bytes = UnsafeRawBufferPointer(start: start, count: size)
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
  }
}
