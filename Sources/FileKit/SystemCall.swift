import Foundation
import IntrayCore

/// The errno of a system call.
struct Errno: Error {
  let code: Int32
}

/// Makes a system call that reports failure as -1: announces it to fault injection and repeats it after EINTR.
@discardableResult
func systemCall<Result: SignedInteger>(_ call: FaultInjection.Call, _ body: () -> Result) throws(Errno) -> Result {
  if let code = FaultInjection.announce(call) { throw Errno(code: code) }
  while true {
    let result = body()
    if result != -1 { return result }
    let code = errno
    if code != EINTR { throw Errno(code: code) }
  }
}

/// As above; the error says what could not be done and to which path.
@discardableResult
func systemCall<Result: SignedInteger>(
  _ call: FaultInjection.Call, _ action: String, _ path: String, _ body: () -> Result
) throws -> Result {
  do {
    return try systemCall(call, body)
  } catch {
    throw IntrayError.system("cannot \(action)", path, errno: error.code)
  }
}

extension IntrayError {
  /// The error of a failed system call: `/data/out: cannot write: No space left on device; free some space`.
  public static func system(_ message: String, _ path: String, errno code: Int32) -> IntrayError {
    IntrayError(
      code == ENOENT || code == ENOTDIR ? .missing : .system,
      "\(message): \(String(cString: strerror(code)))", at: .init(path), hint: hint(code),
      isTransient: transient.contains(code))
  }

  /// What may go away by itself or by an operator's hand, without the input being changed.
  private static let transient: Set<Int32> = [
    EAGAIN, EBUSY, EDQUOT, EIO, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EROFS, ESTALE, ETIMEDOUT,
  ]

  private static func hint(_ code: Int32) -> String? {
    switch code {
    case ENOSPC, EDQUOT: "free some space"
    case EACCES, EPERM: "check its owner and mode, and those of the folders above it"
    case EROFS: "the file system is mounted read-only"
    case EXDEV: "both places must be on one file system"
    case EMFILE, ENFILE: "raise the limit on open files"
    case ELOOP: "symbolic links are not followed here"
    default: nil
    }
  }
}

/// An open file descriptor, closed with its owner: who uses `number` of a local one keeps it alive
/// (`withExtendedLifetime`), or the descriptor may be closed before the call.
final class Descriptor: Sendable {
  let number: Int32

  init(_ number: Int32) { self.number = number }

  deinit { _ = close(number) }

  /// Opens a regular file for reading. A FIFO, a device or a folder is refused, and never waited for.
  static func reading(_ path: String, followingLinks: Bool = true) throws -> Descriptor {
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (followingLinks ? 0 : O_NOFOLLOW)
    let file = Descriptor(try systemCall(.open, "open", path) { open(path, flags) })
    guard try file.status(path).kind == .file else {
      throw IntrayError(.data, "not a regular file", at: .init(path))
    }
    return file
  }

  /// Opens a folder.
  static func folder(_ path: String, followingLinks: Bool = true) throws -> Descriptor {
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (followingLinks ? 0 : O_NOFOLLOW)
    return Descriptor(try systemCall(.open, "open", path) { open(path, flags) })
  }

  func status(_ path: String) throws -> FileStatus {
    var status = stat()
    try systemCall(.stat, "get the status", path) { fstat(number, &status) }
    return FileStatus(status)
  }

  func sync(_ path: String) throws {
    try systemCall(.fsync, "sync", path) { fsync(number) }
  }

  /// Fills `buffer` as far as the file goes; fewer bytes mean the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, _ path: String) throws -> Int {
    var filled = 0
    while filled < buffer.count, let base = buffer.baseAddress {
      let count = try systemCall(.read, "read", path) {
        Glibc.read(number, base + filled, buffer.count - filled)
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  func write(_ bytes: UnsafeRawBufferPointer, _ path: String) throws {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      done += try systemCall(.write, "write", path) { Glibc.write(number, base + done, bytes.count - done) }
    }
  }
}
