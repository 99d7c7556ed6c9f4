import CLinux
import Foundation
import IntrayCore

/// What happened in a watched folder.
public struct FolderEvent: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// A file was closed by someone who could write to it.
    case closedAfterWrite
    /// A file or folder came in by a rename.
    case movedIn
    /// A file, folder or link appeared; a file is followed by `closedAfterWrite` once it is written.
    case created
    /// The watched folder itself was removed or moved away: watch it anew once it is back.
    case folderGone
    /// Events were lost (inotify(7)): list every watched folder again.
    case overflow
  }

  public var kind: Kind
  /// The watched folder; empty for `overflow`.
  public var folder: String
  /// The entry's name; empty for the folder itself, and for `overflow`. A name that is not UTF-8 comes repaired.
  public var name: String
  /// Whether the entry is a folder.
  public var isFolder: Bool

  public init(kind: Kind, folder: String = "", name: String = "", isFolder: Bool = false) {
    self.kind = kind
    self.folder = folder
    self.name = name
    self.isFolder = isFolder
  }
}

/// Tells what comes into folders, through inotify(7). Poll `descriptor`; when it is readable, `read` does not wait.
///
/// (1) Watch first, list then: what comes in between is seen twice, never missed.
/// (2) Lost events are an event (`overflow`), so nothing is missed silently.
public final class FolderWatcher {
  /// For poll(2).
  public let descriptor: Int32
  private let owner: Descriptor
  private var folders: [Int32: String] = [:]

  public init() throws {
    descriptor = try systemCall(.inotify, "watch folders", "inotify") {
      inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    }
    owner = Descriptor(descriptor)
  }

  /// Watching a folder again is fine, and needed when it was removed and made anew.
  public func watch(_ folder: String) throws {
    let mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | Int32(IN_ONLYDIR)
    let number = try systemCall(.inotify, "watch", folder) {
      inotify_add_watch(descriptor, folder, UInt32(mask))
    }
    folders[number] = folder
  }

  /// What happened since the last call, in order; empty when nothing did. When very much did, a part of it: `descriptor`
  /// stays readable.
  public func read() throws -> [FolderEvent] {
    var events: [FolderEvent] = []
    // inotify(7): room for at least one event with the longest name; more saves calls.
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
    defer { buffer.deallocate() }
    // Who drops files without end shall not keep the caller here without end.
    for _ in 0..<64 {
      let count: Int
      do {
        count = try systemCall(.read) { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
      } catch {
        if error.code == EAGAIN { return events }
        throw IntrayError.system("cannot read events", "inotify", errno: error.code)
      }
      var offset = 0
      let header = MemoryLayout<inotify_event>.size
      while offset + header <= count {
        let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
        let end = min(offset + header + Int(event.len), count)
        let name = buffer[(offset + header)..<end].prefix { $0 != 0 }
        append(event, String(decoding: name, as: UTF8.self), to: &events)
        offset = end
      }
    }
    return events
  }

  private func append(_ event: inotify_event, _ name: String, to events: inout [FolderEvent]) {
    func has(_ bit: Int) -> Bool { event.mask & UInt32(bit) != 0 }
    if has(Int(IN_Q_OVERFLOW)) {
      events.append(FolderEvent(kind: .overflow))
      return
    }
    guard let folder = folders[event.wd] else { return }
    let isFolder = has(Int(IN_ISDIR))
    if has(Int(IN_CLOSE_WRITE)) { events.append(.init(kind: .closedAfterWrite, folder: folder, name: name)) }
    if has(Int(IN_MOVED_TO)) { events.append(.init(kind: .movedIn, folder: folder, name: name, isFolder: isFolder)) }
    if has(Int(IN_CREATE)) { events.append(.init(kind: .created, folder: folder, name: name, isFolder: isFolder)) }
    if has(Int(IN_DELETE_SELF)) { events.append(.init(kind: .folderGone, folder: folder)) }
    if has(Int(IN_MOVE_SELF)) {
      events.append(.init(kind: .folderGone, folder: folder))
      // It is watched still, under a path that nobody knows.
      inotify_rm_watch(descriptor, event.wd)
      folders[event.wd] = nil
    }
    if has(Int(IN_IGNORED)) { folders[event.wd] = nil }
  }
}
