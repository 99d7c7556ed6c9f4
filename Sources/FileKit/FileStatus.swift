import Foundation

/// What lstat(2) says about a path. Two equal values mean: nobody touched the file in between.
public struct FileStatus: Sendable, Equatable {
  public enum Kind: String, Sendable {
    case file, folder, symlink, other
  }

  public let kind: Kind
  /// Bytes.
  public let size: Int
  /// Time of the last change of the content, in nanoseconds since 1970.
  public let modified: Int
  public let inode: UInt64
  public let device: UInt64
  public let hardLinks: Int
  public let owner: UInt32
  /// The permission bits.
  public let mode: UInt32

  init(_ status: stat) {
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .folder
      case S_IFLNK: .symlink
      default: .other
      }
    size = Int(status.st_size)
    // A file system may hold any time: wrap rather than trap.
    modified = Int(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int(status.st_mtim.tv_nsec)
    inode = UInt64(status.st_ino)
    device = UInt64(status.st_dev)
    hardLinks = Int(status.st_nlink)
    owner = status.st_uid
    mode = status.st_mode & 0o7777
  }
}
