import Foundation
import IntrayCore

/// A lock that one process at a time holds, given back when the object or the process goes (flock(2)).
public final class FileLock: Sendable {
  private let descriptor: Descriptor

  /// Nil when another process holds it. The file is made when it is missing, and stays.
  public init?(_ path: String) throws {
    let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
    let file = Descriptor(try systemCall(.open, "open", path) { open(path, flags, 0o666) })
    do {
      try systemCall(.flock) { flock(file.number, LOCK_EX | LOCK_NB) }
    } catch {
      if error.code == EWOULDBLOCK { return nil }
      throw IntrayError.system("cannot lock", path, errno: error.code)
    }
    descriptor = file
  }
}
