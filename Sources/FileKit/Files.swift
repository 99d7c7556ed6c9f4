import CLinux
import Foundation
import IntrayCore

/// The file system. Every call can be made to fail (`FaultInjection`), and a failure names the path.
///
/// (1) `publish` leaves the old content or the new one, whole, whenever the machine stops; what it was writing lies
///     beside it under a name that `isTemporary` knows.
/// (2) Nothing here follows a symbolic link while it goes down a tree, or reads from anything but a regular file.
public enum Files {
  /// The whole file, or what follows after `offset` bytes of it.
  ///
  /// - Parameters:
  ///   - limit: A longer file is refused.
  ///   - followingLinks: Whether `path` may be a symbolic link.
  public static func read(
    _ path: String, from offset: Int = 0, limit: Int = 64 << 20, followingLinks: Bool = true
  ) throws -> Data {
    let file = try FileReader(path, followingLinks: followingLinks)
    let offset = max(offset, 0)
    if offset > 0 { try file.seek(to: offset) }
    var data = Data()
    // The size is only a guess: the file may grow while it is read, and /proc says 0, but wants to be read at once.
    var chunk = min(max(file.status.size - offset, 4095), limit) + 1
    while true {
      let start = data.count
      data.count += chunk
      let count = try data.withUnsafeMutableBytes { try file.read(into: .init(rebasing: $0[start...])) }
      data.count = start + count
      guard data.count <= limit else {
        throw IntrayError(.data, "larger than the limit of \(limit) bytes", at: .init(path))
      }
      if count < chunk { return data }
      chunk = 1 << 16
    }
  }

  /// Moves a file or folder within one file system, replacing a file that is at `to`.
  public static func rename(_ from: String, to: String) throws {
    try systemCall(.rename, "rename to \(to)", from) { Glibc.rename(from, to) }
  }

  /// Moves a file or folder within one file system. Never replaces: false when something is at `to` already.
  public static func renameNoReplace(_ from: String, to: String) throws -> Bool {
    do {
      try systemCall(.rename) { intray_rename_noreplace(from, to) }
      return true
    } catch {
      if error.code == EEXIST { return false }
      throw IntrayError.system("cannot rename to \(to)", from, errno: error.code)
    }
  }

  /// Swaps two paths in one step; both must exist.
  public static func exchange(_ a: String, _ b: String) throws {
    try systemCall(.rename, "swap with \(b)", a) { intray_rename_exchange(a, b) }
  }

  /// Makes the folder and those above it; an existing one is fine.
  public static func makeFolder(_ path: String) throws {
    do {
      try systemCall(.mkdir) { mkdir(path, 0o777) }
    } catch {
      switch error.code {
      case EEXIST where try folderExists(path): return
      case ENOENT where parent(of: path) != path:
        try makeFolder(parent(of: path))
        try makeOneFolder(path)
      default: throw IntrayError.system("cannot make the folder", path, errno: error.code)
      }
    }
  }

  private static func makeOneFolder(_ path: String) throws {
    do {
      try systemCall(.mkdir) { mkdir(path, 0o777) }
    } catch {
      // Somebody else may have made it just now.
      if error.code == EEXIST, try folderExists(path) { return }
      throw IntrayError.system("cannot make the folder", path, errno: error.code)
    }
  }

  /// Unlike `status`, through links.
  private static func folderExists(_ path: String) throws -> Bool {
    var status = stat()
    do {
      try systemCall(.stat) { stat(path, &status) }
      return FileStatus(status).kind == .folder
    } catch {
      return false
    }
  }

  /// The names in a folder, sorted by their bytes. A name that is not UTF-8 is left out.
  public static func list(_ folder: String) throws -> [String] { try listing(folder).names }

  /// The same, and the names that are not UTF-8, repaired: nothing can be reached by them.
  public static func listing(_ folder: String) throws -> (names: [String], notUTF8: [String]) {
    let descriptor = try Descriptor.folder(folder)
    var listing: (names: [String], notUTF8: [String]) = ([], [])
    for bytes in try names(in: descriptor, folder) {
      if let name = String(validating: bytes.dropLast(), as: UTF8.self) {
        listing.names.append(name)
      } else {
        listing.notUTF8.append(String(decoding: bytes.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))
      }
    }
    return listing
  }

  /// What is at the path itself (a link is not followed); nil when nothing is.
  public static func status(_ path: String) throws -> FileStatus? {
    var status = stat()
    do {
      try systemCall(.stat) { lstat(path, &status) }
      return FileStatus(status)
    } catch {
      if error.code == ENOENT || error.code == ENOTDIR { return nil }
      throw IntrayError.system("cannot get the status", path, errno: error.code)
    }
  }

  public static func setMode(_ path: String, _ mode: UInt32) throws {
    try systemCall(.chmod, "set the mode", path) { chmod(path, mode) }
  }

  /// SHA-256 of the content in lower-case hex.
  public static func sha256(_ path: String, followingLinks: Bool = true) throws -> String {
    let file = try FileReader(path, followingLinks: followingLinks)
    var digest = SHA256Digest()
    try file.forEachChunk { digest.update($0) }
    return digest.hex()
  }

  /// Bytes that a process without privileges may still write on the file system of `path`.
  public static func freeBytes(_ path: String) throws -> Int {
    var space = statvfs()
    try systemCall(.statvfs, "get the free space", path) { statvfs(path, &space) }
    let (bytes, overflow) = UInt(space.f_bavail).multipliedReportingOverflow(by: UInt(space.f_frsize))
    return overflow ? Int.max : Int(clamping: bytes)
  }

  /// The running program, links resolved.
  public static func programPath() throws -> String {
    let link = "/proc/self/exe"
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = try systemCall(.stat, "read the link", link) { readlink(link, &buffer, buffer.count) }
    return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The folder that holds `path`: `/a` for `/a/b` and `/a/b/`, `/` for `/a`, `.` for `b`.
  public static func parent(of path: String) -> String {
    var end = path.utf8.endIndex
    while end > path.startIndex, path.utf8[path.utf8.index(before: end)] == UInt8(ascii: "/") {
      end = path.utf8.index(before: end)
    }
    guard let slash = path.utf8[..<end].lastIndex(of: UInt8(ascii: "/")) else {
      return end == path.startIndex ? "/" : "."
    }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
