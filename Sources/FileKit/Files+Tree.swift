import Foundation
import IntrayCore

/// Whole trees. Everything goes by descriptors and *at calls, so nobody can swap a folder for a link on the way.
extension Files {
  /// Deeper trees are refused: nothing of ours is that deep, and each level holds a descriptor.
  private static let maximumDepth = 64

  /// Removes a file, or a folder with all that is in it. Links are removed, not followed; a missing path is fine.
  public static func remove(_ path: String) throws {
    try path.withCString { try removeEntry(AT_FDCWD, $0, path, depth: 0) }
  }

  private static func removeEntry(_ folder: Int32, _ name: UnsafePointer<CChar>, _ path: String, depth: Int) throws {
    do {
      try systemCall(.unlink) { unlinkat(folder, name, 0) }
    } catch {
      switch error.code {
      case ENOENT, ENOTDIR: return
      // unlink(2): EISDIR on Linux, EPERM in POSIX, for a folder; EPERM also means what it says.
      case EISDIR, EPERM: try removeFolder(folder, name, path, depth: depth, otherwise: error)
      default: throw IntrayError.system("cannot remove", path, errno: error.code)
      }
    }
  }

  private static func removeFolder(
    _ folder: Int32, _ name: UnsafePointer<CChar>, _ path: String, depth: Int, otherwise: Errno
  ) throws {
    try checkDepth(depth, path)
    guard try status(folder, name, path)?.kind == .folder else {
      throw IntrayError.system("cannot remove", path, errno: otherwise.code)
    }
    do {
      let inner = try openFolder(folder, name, path)
      try withExtendedLifetime(inner) {
        for entry in try names(in: inner, path) {
          try removeEntry(inner.number, entry, "\(path)/\(text(entry))", depth: depth + 1)
        }
      }
    }
    do {
      try systemCall(.unlink) { unlinkat(folder, name, AT_REMOVEDIR) }
    } catch {
      if error.code == ENOENT { return }
      throw IntrayError.system("cannot remove", path, errno: error.code)
    }
  }

  /// Makes every file and folder of a tree last. Links, special files, and what this process may not open are passed by.
  public static func syncTree(_ path: String) throws {
    try syncTree(Descriptor.folder(path, followingLinks: false), path, depth: 0)
  }

  private static func syncTree(_ folder: Descriptor, _ path: String, depth: Int) throws {
    try checkDepth(depth, path)
    for name in try names(in: folder, path) {
      let inner = "\(path)/\(text(name))"
      do {
        switch try status(folder.number, name, inner)?.kind {
        case .folder: try syncTree(openFolder(folder.number, name, inner), inner, depth: depth + 1)
        case .file: try openFile(folder.number, name, inner).sync(inner)
        case .symlink, .other, nil: break
        }
      } catch {
        // Another user's file is not ours to make last.
        guard IntrayError(error).code == .system, !IntrayError(error).isTransient else { throw error }
      }
    }
    try folder.sync(path)
  }

  /// Copies one file, whole and synced. `to` must not exist; it is removed again when the copy fails.
  public static func copy(_ from: String, to: String) throws {
    let source = try Descriptor.reading(from, followingLinks: false)
    try copy(source, from, to: AT_FDCWD, to, to)
  }

  /// Copies a folder with all that is in it, synced. `to` must not exist. A tree that holds links or special files is
  /// refused. When the copy fails, what was copied so far is removed again.
  public static func copyTree(_ from: String, to: String) throws {
    let source = try Descriptor.folder(from, followingLinks: false)
    try to.withCString { name in
      try makeFolder(AT_FDCWD, name, to)
      do {
        try copyContents(source, from, to: AT_FDCWD, name, to, depth: 0)
      } catch {
        try? remove(to)
        throw error
      }
    }
  }

  private static func makeFolder(_ folder: Int32, _ name: UnsafePointer<CChar>, _ path: String) throws {
    try systemCall(.mkdir, "make the folder", path) { mkdirat(folder, name, 0o777) }
  }

  private static func copyContents(
    _ source: Descriptor, _ from: String, to folder: Int32, _ name: UnsafePointer<CChar>, _ to: String, depth: Int
  ) throws {
    try checkDepth(depth, from)
    let target = try openFolder(folder, name, to)
    for entry in try names(in: source, from) {
      let (inner, copied) = ("\(from)/\(text(entry))", "\(to)/\(text(entry))")
      switch try status(source.number, entry, inner)?.kind {
      case .folder:
        let folder = try openFolder(source.number, entry, inner)
        try makeFolder(target.number, entry, copied)
        try copyContents(folder, inner, to: target.number, entry, copied, depth: depth + 1)
      case .file: try copy(openFile(source.number, entry, inner), inner, to: target.number, entry, copied)
      case .symlink, .other:
        throw IntrayError(.data, "neither a regular file nor a folder: not copied", at: .init(inner))
      case nil: throw IntrayError(.missing, "went away while it was copied", at: .init(inner))
      }
    }
    try target.sync(to)
  }

  private static func copy(
    _ source: Descriptor, _ from: String, to folder: Int32, _ name: UnsafePointer<CChar>, _ to: String
  ) throws {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
    let target = Descriptor(try systemCall(.open, "create", to) { openat(folder, name, flags, 0o666) })
    do {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
      defer { buffer.deallocate() }
      while true {
        let count = try source.read(into: buffer, from)
        try target.write(.init(rebasing: buffer[..<count]), to)
        if count < buffer.count { break }
      }
      try target.sync(to)
    } catch {
      _ = try? systemCall(.unlink) { unlinkat(folder, name, 0) }
      throw error
    }
  }

  private static func checkDepth(_ depth: Int, _ path: String) throws {
    guard depth < maximumDepth else {
      throw IntrayError(.data, "more than \(maximumDepth) folders deep", at: .init(path))
    }
  }

  private static func openFolder(_ folder: Int32, _ name: UnsafePointer<CChar>, _ path: String) throws -> Descriptor {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    return Descriptor(try systemCall(.open, "open", path) { openat(folder, name, flags) })
  }

  private static func openFile(_ folder: Int32, _ name: UnsafePointer<CChar>, _ path: String) throws -> Descriptor {
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
    return Descriptor(try systemCall(.open, "open", path) { openat(folder, name, flags) })
  }

  private static func status(_ folder: Int32, _ name: UnsafePointer<CChar>, _ path: String) throws -> FileStatus? {
    var status = stat()
    do {
      try systemCall(.stat) { fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) }
      return FileStatus(status)
    } catch {
      if error.code == ENOENT { return nil }
      throw IntrayError.system("cannot get the status", path, errno: error.code)
    }
  }

  /// A name from the disk for messages: what is not UTF-8 comes repaired.
  private static func text(_ name: [CChar]) -> String {
    String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The names in an open folder as the NUL-terminated bytes that the disk holds, sorted by them, without `.` and `..`.
  static func names(in folder: Descriptor, _ path: String) throws -> [[CChar]] {
    try unsortedNames(in: folder, path).sorted { strcmp($0, $1) < 0 }
  }

  private static func unsortedNames(in folder: Descriptor, _ path: String) throws -> [[CChar]] {
    // closedir(3) closes the descriptor it was given, so it gets its own.
    let own = try systemCall(.readdir, "list", path) { fcntl(folder.number, F_DUPFD_CLOEXEC, 0) }
    guard let stream = fdopendir(own) else {
      let code = errno
      _ = close(own)
      throw IntrayError.system("cannot list", path, errno: code)
    }
    defer { closedir(stream) }
    rewinddir(stream)
    var names: [[CChar]] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        let code = errno
        if code == 0 { return names }
        throw IntrayError.system("cannot list", path, errno: code)
      }
      // A record is only as long as its name: read the name through a pointer, not through a copy of the struct.
      guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { continue }
      let name = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self)
      if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 { continue }
      names.append(Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1)))
    }
  }
}
