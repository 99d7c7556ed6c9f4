import FileKit
import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct FolderWatcherTests {
  let folder: TemporaryFolder
  let inbox: String

  init() throws {
    folder = try TemporaryFolder()
    inbox = "\(folder.path)/inbox"
    try Files.makeFolder(inbox)
  }

  @Test func `a written file, a moved one and a moved folder are told`() throws {
    let watcher = try FolderWatcher()
    try watcher.watch(inbox)
    #expect(try watcher.read().isEmpty)

    let writer = try FileWriter("\(inbox)/a.csv")
    #expect(try watcher.read() == [.init(kind: .created, folder: inbox, name: "a.csv")])
    try writer.write("x")
    try writer.close()
    // The file is closed once more, by its duplicate (FileWriter.close).
    #expect(Set(try watcher.read().map(\.kind)) == [.closedAfterWrite])

    try folder.write("x", to: "outside/b.csv")
    try Files.rename("\(folder.path)/outside/b.csv", to: "\(inbox)/b.csv")
    try Files.rename("\(folder.path)/outside", to: "\(inbox)/batch")
    #expect(
      try watcher.read() == [
        .init(kind: .movedIn, folder: inbox, name: "b.csv"),
        .init(kind: .movedIn, folder: inbox, name: "batch", isFolder: true),
      ])
  }

  @Test func `the descriptor becomes readable`() throws {
    let watcher = try FolderWatcher()
    try watcher.watch(inbox)
    var descriptor = pollfd(fd: watcher.descriptor, events: Int16(POLLIN), revents: 0)
    #expect(poll(&descriptor, 1, 0) == 0)
    try folder.write("x", to: "inbox/a")
    #expect(poll(&descriptor, 1, 5000) == 1)
  }

  @Test func `a folder that is removed and made anew can be watched again`() throws {
    let watcher = try FolderWatcher()
    try watcher.watch(inbox)
    try Files.remove(inbox)
    #expect(try watcher.read() == [.init(kind: .folderGone, folder: inbox)])
    #expect(throws: IntrayError.self) { try watcher.watch(inbox) }
    try Files.makeFolder(inbox)
    try watcher.watch(inbox)
    try folder.write("x", to: "inbox/a")
    #expect(try watcher.read().contains(.init(kind: .closedAfterWrite, folder: inbox, name: "a")))
  }

  @Test func `a folder that is moved away is gone, and silent from then on`() throws {
    let watcher = try FolderWatcher()
    try watcher.watch(inbox)
    try Files.rename(inbox, to: "\(folder.path)/elsewhere")
    #expect(try watcher.read() == [.init(kind: .folderGone, folder: inbox)])
    try folder.write("x", to: "elsewhere/a")
    #expect(try watcher.read().isEmpty)
  }

  @Test func `lost events are told`() throws {
    let limit = try #require(
      Int(
        String(decoding: try Files.read("/proc/sys/fs/inotify/max_queued_events"), as: UTF8.self)
          .trimmingCharacters(in: .whitespacesAndNewlines)))
    let watcher = try FolderWatcher()
    try watcher.watch(inbox)
    // Two names in turn, because equal events behind each other become one (inotify(7)).
    let (a, b) = (try folder.write("x", to: "inbox/a"), "\(inbox)/b")
    for _ in 0...(limit / 2) {
      try Files.rename(a, to: b)
      try Files.rename(b, to: a)
    }
    let events = try watcher.read()
    #expect(events.last == FolderEvent(kind: .overflow))
    #expect(events.count <= limit + 1)
  }
}
