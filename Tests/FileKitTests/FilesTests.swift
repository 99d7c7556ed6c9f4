import FileKit
import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct FilesTests {
  let folder: TemporaryFolder
  var root: String { folder.path }

  init() throws {
    folder = try TemporaryFolder()
  }

  /// A folder with a file, an empty folder and a nested file.
  private func makeTree(_ name: String) throws -> String {
    try folder.write("one", to: "\(name)/one.txt")
    try folder.write("two", to: "\(name)/inner/two.txt")
    try Files.makeFolder("\(root)/\(name)/empty")
    return "\(root)/\(name)"
  }

  @Test func `a file is read whole, from an offset, and not beyond the limit`() throws {
    let path = try folder.write("0123456789", to: "digits")
    #expect(try Files.read(path) == Data("0123456789".utf8))
    #expect(try Files.read(path, from: 7) == Data("789".utf8))
    #expect(try Files.read(path, from: 10) == Data())
    #expect(try Files.read(path, from: 99) == Data())
    #expect(try Files.read(path, limit: 10).count == 10)
    let error = #expect(throws: IntrayError.self) { try Files.read(path, limit: 9) }
    #expect(error?.description == "\(path): larger than the limit of 9 bytes")
  }

  @Test func `a file of unknown size is read to its end`() throws {
    #expect(try Files.read("/proc/self/status").count > 100)
    let large = Data((0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    #expect(try Files.read(folder.write(large, to: "large")) == large)
  }

  @Test func `a missing file is told as missing, with its path`() throws {
    let error = #expect(throws: IntrayError.self) { try Files.read("\(root)/none") }
    #expect(error?.code == .missing)
    #expect(error?.description == "\(root)/none: cannot open: No such file or directory")
    #expect(try Files.status("\(root)/none") == nil)
    #expect(try Files.status("\(root)/none/below") == nil)
  }

  @Test func `what is no regular file is refused and never waited for`() throws {
    let fifo = "\(root)/fifo"
    #expect(mkfifo(fifo, 0o600) == 0)
    for path in [fifo, root, "/dev/zero"] {
      #expect(throws: IntrayError.self) { try Files.read(path) }
      #expect(throws: IntrayError.self) { try Files.sha256(path) }
      #expect(throws: IntrayError.self) { try MappedFile(path) }
    }
    #expect(try Files.status(fifo)?.kind == .other)
  }

  @Test func `a link is followed only where that is allowed`() throws {
    let path = try folder.write("x", to: "file")
    let link = "\(root)/link"
    #expect(symlink(path, link) == 0)
    #expect(try Files.status(link)?.kind == .symlink)
    #expect(try Files.read(link) == Data("x".utf8))
    for read in [
      { _ = try Files.read(link, followingLinks: false) }, { _ = try Files.sha256(link, followingLinks: false) },
      { _ = try MappedFile(link, followingLinks: false) }, { _ = try FileReader(link, followingLinks: false) },
      { try Files.copy(link, to: "\(self.root)/copy") }, { _ = try FileWriter(link) },
    ] as [() throws -> Void] {
      let error = #expect(throws: IntrayError.self) { try read() }
      #expect(error?.hint == "symbolic links are not followed here")
    }
    #expect(try Files.list(root) == ["file", "link"])
  }

  @Test func `folders are made with those above them`() throws {
    try Files.makeFolder("\(root)/a/b/c")
    try Files.makeFolder("\(root)/a/b/c")
    try Files.makeFolder("\(root)/a/b/d/")
    #expect(try Files.list("\(root)/a/b") == ["c", "d"])
    let file = try folder.write("x", to: "file")
    #expect(throws: IntrayError.self) { try Files.makeFolder(file) }
    #expect(throws: IntrayError.self) { try Files.makeFolder("\(file)/below") }
  }

  @Test func `names are listed by their bytes, what is not UTF-8 is left out`() throws {
    for name in ["b", "B", "a b", "ä", ".hidden", "line\nbreak"] { try folder.write("", to: name) }
    let raw = Array("\(root)/bad-".utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0]
    #expect(close(open(raw, O_CREAT | O_WRONLY, 0o600)) == 0)
    #expect(try Files.list(root) == [".hidden", "B", "a b", "b", "line\nbreak", "ä"])
    #expect(try Files.listing(root).notUTF8 == ["bad-\u{fffd}"])
    try Files.remove(root)
    #expect(try Files.status(root) == nil)
  }

  @Test func `a rename replaces, the careful one does not`() throws {
    let (a, b) = (try folder.write("a", to: "a"), try folder.write("b", to: "b"))
    #expect(try !Files.renameNoReplace(a, to: b))
    #expect(try Files.read(b) == Data("b".utf8))
    #expect(try Files.renameNoReplace(a, to: "\(root)/c"))
    try Files.rename("\(root)/c", to: b)
    #expect(try Files.read(b) == Data("a".utf8))
    let error = #expect(throws: IntrayError.self) { try Files.rename(a, to: b) }
    #expect(error?.code == .missing)
    #expect(throws: IntrayError.self) { try Files.renameNoReplace(a, to: "\(root)/d") }
  }

  @Test func `two folders are swapped in one step`() throws {
    let (a, b) = (try makeTree("a"), "\(root)/b")
    try Files.makeFolder(b)
    try Files.exchange(a, b)
    #expect(try Files.list(a).isEmpty)
    #expect(try Files.list(b) == ["empty", "inner", "one.txt"])
    #expect(throws: IntrayError.self) { try Files.exchange(a, "\(root)/none") }
  }

  @Test func `a tree is removed with its links, not with what they point to`() throws {
    let tree = try makeTree("tree")
    let outside = try makeTree("outside")
    #expect(symlink(outside, "\(tree)/inner/link") == 0)
    #expect(symlink("nowhere", "\(tree)/dangling") == 0)
    try Files.remove(tree)
    try Files.remove(tree)
    #expect(try Files.list(root) == ["outside"])
    #expect(try Files.list(outside) == ["empty", "inner", "one.txt"])
  }

  @Test func `a tree that is too deep is an error, not an overflow`() throws {
    let deep = "\(root)/" + Array(repeating: "d", count: 100).joined(separator: "/")
    try Files.makeFolder(deep)
    for work in [
      { try Files.remove("\(self.root)/d") }, { try Files.syncTree("\(self.root)/d") },
      { try Files.copyTree("\(self.root)/d", to: "\(self.root)/copy") },
    ] as [() throws -> Void] {
      let error = #expect(throws: IntrayError.self) { try work() }
      #expect(error?.message == "more than 64 folders deep")
    }
  }

  @Test func `a copied tree equals its source`() throws {
    let tree = try makeTree("tree")
    try folder.write(Data(repeating: 7, count: 600_000), to: "tree/large")
    try Files.copyTree(tree, to: "\(root)/copy")
    try Files.syncTree("\(root)/copy")
    #expect(try Files.list("\(root)/copy") == ["empty", "inner", "large", "one.txt"])
    for name in ["one.txt", "inner/two.txt", "large"] {
      #expect(try Files.sha256("\(root)/copy/\(name)") == Files.sha256("\(tree)/\(name)"))
    }
  }

  @Test func `a tree with links is not copied, and nothing of it stays`() throws {
    let tree = try makeTree("tree")
    #expect(symlink("/etc/passwd", "\(tree)/inner/link") == 0)
    let error = #expect(throws: IntrayError.self) { try Files.copyTree(tree, to: "\(root)/copy") }
    #expect(error?.location?.path == "\(tree)/inner/link")
    #expect(try Files.list(root) == ["tree"])
  }

  @Test func `a copy never touches what is there already`() throws {
    let tree = try makeTree("tree")
    let other = try folder.write("mine", to: "other/file")
    #expect(throws: IntrayError.self) { try Files.copyTree(tree, to: "\(root)/other") }
    #expect(throws: IntrayError.self) { try Files.copy("\(tree)/one.txt", to: other) }
    #expect(throws: IntrayError.self) {
      try FaultInjection.with(Fault(.mkdir, at: 1, .fail(EIO))) { try Files.copyTree(tree, to: "\(root)/other") }
    }
    #expect(try Files.list("\(root)/other") == ["file"])
    #expect(try Files.read(other) == Data("mine".utf8))
  }

  @Test(arguments: ["/a/b": "/a", "/a/b/": "/a", "/a": "/", "/": "/", "a": ".", "a/b": "a", "a//b": "a/", "": "/"])
  func `the folder of a path`(path: String, parent: String) {
    #expect(Files.parent(of: path) == parent)
  }

  @Test func `space, mode and the running program are known`() throws {
    #expect(try Files.freeBytes(root) > 0)
    let path = try folder.write("x", to: "file")
    try Files.setMode(path, 0o640)
    #expect(try Files.status(path)?.mode == 0o640)
    #expect(try Files.programPath().hasPrefix("/"))
  }

  @Test func `a status changes with the content`() throws {
    let path = try folder.write("x", to: "file")
    let before = try #require(try Files.status(path))
    #expect(before.kind == .file && before.size == 1 && before.hardLinks == 1)
    #expect(try Files.status(path) == before)
    try Files.publish(Data("y".utf8), to: path)
    #expect(try Files.status(path) != before)
  }

  @Test(arguments: [ENOSPC, EIO]) func `a copy that fails at any call leaves nothing`(code: Int32) throws {
    let tree = try makeTree("tree")
    for number in 1... {
      let fault = Fault(at: number, .fail(code))
      do {
        try FaultInjection.with(fault) { try Files.copyTree(tree, to: "\(root)/copy") }
        #expect(!fault.fired)
        #expect(number > 30)
        break
      } catch is IntrayError {
        #expect(try Files.list(root) == ["tree"], "after call \(number)")
      }
    }
    #expect(try Files.list("\(root)/copy/inner") == ["two.txt"])
  }

  @Test func `every failing call of the other operations is told`() throws {
    let works: [(name: String, work: () throws -> Void)] = [
      ("makeFolder", { try Files.makeFolder("\(self.root)/x/y/z") }),
      ("syncTree", { try Files.syncTree("\(self.root)/tree") }),
      ("list", { _ = try Files.list("\(self.root)/tree") }),
      ("sha256", { _ = try Files.sha256("\(self.root)/tree/one.txt") }),
      ("map", { _ = try MappedFile("\(self.root)/tree/one.txt") }),
      ("freeBytes", { _ = try Files.freeBytes(self.root) }),
      ("lock", { _ = try FileLock("\(self.root)/lock") }),
      ("remove", { try Files.remove("\(self.root)/tree") }),
    ]
    for (name, work) in works {
      for number in 1... {
        try Files.remove("\(root)/x")
        _ = try makeTree("tree")
        let fault = Fault(at: number, .fail(EIO))
        do {
          try FaultInjection.with(fault, work)
          #expect(!fault.fired, "\(name): call \(number) failed and nobody was told")
          #expect(number > 1)
          break
        } catch let error as IntrayError {
          #expect(error.code == .system && error.isTransient, "\(name): \(error)")
        }
      }
    }
  }
}
