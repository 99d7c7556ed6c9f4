import FileKit
import Foundation
import Intake
import IntrayCore
import SpecFile
import TestSupport
import Testing

private let start = ContinuousClock.now

private func routes() throws -> [Route] {
  let text = """
    routes:
      - match: papers-*.csv
        spec: {run: echo}
    """
  return try Configuration(YAML.parse(Data(text.utf8), path: "intray.yaml"), path: "intray.yaml", folder: "/").routes
}

@Suite struct InboxTests {
  let folder: TemporaryFolder
  let inbox: Inbox

  init() throws {
    folder = try TemporaryFolder(isSmall: true)
    inbox = Inbox(
      folder: folder.path,
      rules: Inbox.Rules(settle: .seconds(1), wait: .seconds(100), routes: try routes()))
  }

  /// What is ready at this many seconds after the start.
  private func ready(_ seconds: Double) throws -> [Batch] { try look(seconds).ready }

  private func look(_ seconds: Double) throws -> Inbox.Findings {
    try inbox.look(at: start + .seconds(seconds))
  }

  private func spec(_ files: String...) -> String {
    "run: echo\ndata:\n" + files.enumerated().map { "  part\($0): \($1)\n" }.joined()
  }

  private func isTaken(_ batch: Batch) throws {
    for entry in batch.entries where !entry.isShared { try Files.remove("\(folder.path)/\(entry.name)") }
  }

  private func error(_ batch: Batch?) -> String {
    if let refusal = batch?.refusal { return "\(refusal)" }
    if case .nothing(let error)? = batch?.source { return "\(error)" }
    return ""
  }

  @Test func `a spec with its files is ready when all have settled`() throws {
    try folder.write(spec("a.csv", "b.csv"), to: "papers.yaml")
    try folder.write("x", to: "a.csv")
    #expect(try look(0).ready == [])
    try folder.write("x", to: "b.csv")
    #expect(try ready(0.5) == [])
    #expect(try ready(1.2) == [])
    let batch = Batch(
      name: "papers", entries: [.init(name: "papers.yaml"), .init(name: "a.csv"), .init(name: "b.csv")],
      source: .spec("papers.yaml"))
    #expect(try ready(1.6) == [batch])
  }

  @Test func `the next look is due when the first entry settles`() throws {
    try folder.write(spec("a.csv"), to: "papers.yaml")
    try folder.write("x", to: "a.csv")
    #expect(try look(0).next == start + .seconds(1))
  }

  @Test func `a change starts the settle time again`() throws {
    try folder.write("x", to: "papers-1.csv")
    #expect(try ready(0) == [])
    try folder.write("xy", to: "papers-1.csv")
    #expect(try ready(1.5) == [])
    #expect(try ready(2.4) == [])
    #expect(try ready(2.5).map(\.name) == ["papers-1"])
  }

  @Test func `a file that is still open for writing counts only when it is closed, or after a minute`() throws {
    try folder.write("x", to: "papers-1.csv")
    _ = inbox.note(FolderEvent(kind: .created, folder: folder.path, name: "papers-1.csv"))
    #expect(try ready(0) == [])
    #expect(try ready(30) == [])
    #expect(try ready(61).count == 1)
    let other = Inbox(folder: folder.path, rules: inbox.rules)
    _ = other.note(FolderEvent(kind: .created, folder: folder.path, name: "papers-1.csv"))
    #expect(try other.look(at: start).ready == [])
    _ = other.note(FolderEvent(kind: .closedAfterWrite, folder: folder.path, name: "papers-1.csv"))
    #expect(try other.look(at: start + .seconds(2)).ready.count == 1)
  }

  @Test(arguments: [".hidden.csv", "papers-1.csv.part", "papers-1.csv.tmp", ".intray-0.tmp"])
  func `hidden and partial files are no one's business`(name: String) throws {
    try folder.write("x", to: name)
    let findings = try look(0)
    #expect(findings.ready == [] && findings.next == nil)
    #expect(try ready(1000) == [])
  }

  @Test func `a file alone goes by its route`() throws {
    try folder.write("x", to: "papers-1.csv")
    _ = try ready(0)
    let batch = Batch(name: "papers-1", entries: [.init(name: "papers-1.csv")], source: .file("papers-1.csv"))
    #expect(try ready(1) == [batch])
  }

  @Test func `a route does not take what a spec names, even one that is still being written`() throws {
    try folder.write("run: echo\ndata: {input: papers-1.csv", to: "mine.yaml")
    try folder.write("x", to: "papers-1.csv")
    _ = inbox.note(FolderEvent(kind: .created, folder: folder.path, name: "mine.yaml"))
    _ = try ready(0)
    #expect(try ready(5) == [])
    try folder.write("run: echo\ndata: {input: papers-1.csv}\n", to: "mine.yaml")
    _ = inbox.note(FolderEvent(kind: .closedAfterWrite, folder: folder.path, name: "mine.yaml"))
    _ = try ready(6)
    #expect(try ready(7).map(\.source) == [.spec("mine.yaml")])
  }

  @Test func `a spec waits for its files, says so once, and is refused in the end with what is there`() throws {
    try folder.write(spec("train.csv", "test.csv"), to: "papers.yaml")
    try folder.write("x", to: "train.csv")
    try folder.write("x", to: "tset.csv")
    _ = try look(0)
    #expect(
      try look(1).notices.sorted() == ["papers.yaml waits for test.csv", "tset.csv waits for a spec that names it"])
    #expect(try look(2).notices == [])
    #expect(try look(50).next == start + .seconds(100))
    let batches = try ready(100)
    let batch = try #require(batches.first { $0.name == "papers" })
    #expect(batch.entries.map(\.name) == ["papers.yaml", "train.csv"])
    #expect(
      error(batch)
        == "papers.yaml: papers.yaml names test.csv, which did not come within 1 minute, 40 seconds; "
        + "did you mean 'tset.csv', which is in the inbox?")
    #expect(error(batches.first { $0.name == "tset" }).contains("no spec names this file and no route matches it"))
    #expect(error(batches.first { $0.name == "tset" }).contains("'papers-*.csv'"))
  }

  @Test func `the missing file ends the wait`() throws {
    try folder.write(spec("a.csv"), to: "papers.yaml")
    _ = try look(0)
    #expect(try ready(50) == [])
    try folder.write("x", to: "a.csv")
    _ = try look(60)
    #expect(try ready(61).map(\.entries.count) == [2])
  }

  @Test func `a spec that cannot be read takes along the files that its text names`() throws {
    try folder.write("run: echo\ndata: {input: a.csv, [}\n", to: "papers.yaml")
    try folder.write("x", to: "a.csv")
    try folder.write("x", to: "aa.csv")
    _ = try look(0)
    let batches = try ready(1)
    #expect(batches.count == 1)
    #expect(batches[0].entries.map(\.name) == ["papers.yaml", "a.csv"])
    #expect(batches[0].source == .spec("papers.yaml"))
  }

  @Test func `a file that two specs name is copied for the first and stays for the second`() throws {
    try folder.write(spec("a.csv"), to: "one.yaml")
    try folder.write(spec("a.csv"), to: "two.yaml")
    try folder.write("x", to: "a.csv")
    _ = try look(0)
    let batches = try ready(1)
    #expect(batches.map(\.name) == ["one", "two"])
    #expect(batches[0].entries == [.init(name: "one.yaml"), .init(name: "a.csv", isShared: true)])
    #expect(batches[1].entries == [.init(name: "two.yaml"), .init(name: "a.csv", isShared: false)])
  }

  @Test func `a file that a waiting spec needs too is copied`() throws {
    try folder.write(spec("a.csv", "b.csv"), to: "first.yaml")
    _ = try look(0)
    try folder.write(spec("a.csv"), to: "second.yaml")
    try folder.write("x", to: "a.csv")
    _ = try look(1)
    let batches = try ready(2)
    #expect(batches.map(\.name) == ["second"])
    #expect(batches[0].entries.last == .init(name: "a.csv", isShared: true))
    try isTaken(batches[0])
    try folder.write("x", to: "b.csv")
    _ = try look(3)
    #expect(try ready(4).map(\.entries.count) == [3])
  }

  @Test func `specs come in the order in which they arrived`() throws {
    try folder.write(spec(), to: "b.yaml")
    _ = try look(0)
    try folder.write(spec(), to: "a.yaml")
    _ = try look(0.5)
    #expect(try ready(2).map(\.name) == ["b", "a"])
  }

  @Test func `a look takes time in proportion to what lies there`() throws {
    let count = 4000
    for number in 0..<count {
      try folder.write(spec("\(number).csv"), to: "\(number).yaml")
      try folder.write("x", to: "\(number).csv")
    }
    _ = try look(0)
    let begin = ContinuousClock.now
    #expect(try ready(1).count == count)
    // Every spec against every file would take minutes.
    #expect(ContinuousClock.now - begin < .seconds(20))
  }

  // MARK: - Folders

  @Test func `a folder with a spec and its files is one batch`() throws {
    try folder.write(spec("a.csv"), to: "drop/papers.yaml")
    try folder.write("x", to: "drop/a.csv")
    try folder.write("x", to: "drop/.DS_Store")
    _ = try look(0)
    let batch = Batch(name: "drop", entries: [.init(name: "drop")], folder: "drop", source: .spec("papers.yaml"))
    #expect(try ready(1) == [batch])
  }

  @Test func `a folder settles when nothing in it changes any more`() throws {
    try folder.write(spec("a.csv"), to: "drop/papers.yaml")
    try folder.write("x", to: "drop/a.csv")
    _ = try look(0)
    try folder.write("xyz", to: "drop/a.csv")
    #expect(try ready(1) == [])
    #expect(try ready(2).count == 1)
    _ = inbox.note(FolderEvent(kind: .created, folder: "\(folder.path)/drop", name: "a.csv"))
    #expect(try ready(3) == [])
    _ = inbox.note(FolderEvent(kind: .closedAfterWrite, folder: "\(folder.path)/drop", name: "a.csv"))
    #expect(try ready(3).count == 1)
  }

  @Test func `a folder that is moved in is ready at once, and settles when it changes afterwards`() throws {
    for name in ["drop", "other"] {
      try folder.write(spec("a.csv"), to: "\(name)/papers.yaml")
      try folder.write("x", to: "\(name)/a.csv")
      let event = FolderEvent(kind: .movedIn, folder: folder.path, name: name, isFolder: true)
      #expect(inbox.note(event) == "\(folder.path)/\(name)")
    }
    #expect(try ready(0).map(\.name) == ["drop", "other"])
    try folder.write("xyz", to: "drop/a.csv")
    #expect(try ready(0.5).map(\.name) == ["other"])
    #expect(try ready(1.5).map(\.name) == ["drop", "other"])
  }

  @Test func `a folder with one routed file and no spec goes by the route`() throws {
    try folder.write("x", to: "drop/papers-1.csv")
    _ = try look(0)
    #expect(try ready(1).map(\.source) == [.file("papers-1.csv")])
  }

  @Test func `a folder waits for what its spec names, and for a spec`() throws {
    try folder.write(spec("a.csv"), to: "one/papers.yaml")
    try folder.write("x", to: "two/a.csv")
    try folder.write(spec("a.csv"), to: "three/papers.yaml")
    try folder.write("x", to: "three/a.csv.part")
    _ = try look(0)
    #expect(
      try look(1).notices.sorted() == [
        "one/papers.yaml waits for a.csv", "three waits for a.csv.part to be complete",
        "two holds no spec and waits for one",
      ])
    let batches = try ready(100)
    #expect(batches.map(\.name) == ["one", "three", "two"])
    #expect(
      error(batches[0])
        == "one/papers.yaml: papers.yaml names a.csv, which is not in the folder; put it beside the spec")
    #expect(error(batches[1]).hasPrefix("three: a.csv.part was not completed within"))
    #expect(error(batches[2]).hasPrefix("two: the folder holds no spec"))
  }

  @Test func `an empty folder and one that is marked are left alone`() throws {
    try FileManager.default.createDirectory(atPath: "\(folder.path)/empty", withIntermediateDirectories: false)
    try folder.write(spec("a.csv"), to: "examples/papers.yaml")
    try folder.write("x", to: "examples/a.csv")
    try folder.write("", to: "examples/.intray-ignore")
    _ = try look(0)
    #expect(try ready(1000) == [])
  }

  @Test func `what is no plain file is refused at once`() throws {
    try folder.write(spec(), to: "nested/papers.yaml")
    try folder.write("x", to: "nested/inner/a.csv")
    try folder.write(spec(), to: "twice/a.yaml")
    try folder.write(spec(), to: "twice/b.yml")
    try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/link.csv", withDestinationPath: "/etc/passwd")
    try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/link.yaml", withDestinationPath: "/etc/passwd")
    #expect(mkfifo("\(folder.path)/pipe.csv", 0o600) == 0)
    for name in ["link.csv", "link.yaml", "pipe.csv"] {
      _ = inbox.note(FolderEvent(kind: .created, folder: folder.path, name: name))
    }
    _ = try look(0)
    let batches = try ready(1)
    #expect(batches.map(\.name) == ["nested", "twice", "link", "link", "pipe"])
    #expect(error(batches[0]).hasPrefix("nested/inner: a folder in a batch is not looked into"))
    #expect(error(batches[1]).hasPrefix("twice: the folder holds 2 specs: a.yaml, b.yml"))
    #expect(error(batches[2]).hasPrefix("link.csv: a symbolic link is not followed"))
    #expect(error(batches[3]).hasPrefix("link.yaml: a symbolic link is not followed"))
    #expect(error(batches[4]).hasPrefix("pipe.csv: neither a regular file nor a folder"))
  }

  @Test func `a link that a spec names goes with the spec`() throws {
    try folder.write(spec("a.csv"), to: "papers.yaml")
    try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/a.csv", withDestinationPath: "/etc/passwd")
    _ = try look(0)
    #expect(try ready(1).map { $0.entries.map(\.name) } == [["papers.yaml", "a.csv"]])
  }

  @Test func `names that a folder could not have are made plain`() throws {
    let long = String(repeating: "ä", count: 120)
    try folder.write(spec(), to: "line\nbreak.yaml")
    try folder.write(spec(), to: "\(long).yml")
    _ = try look(0)
    let names = try ready(1).map(\.name)
    #expect(names == ["line_break", String(repeating: "ä", count: 50)])
  }

  @Test func `an inbox that is gone is an error that names it`() throws {
    try Files.remove(folder.path)
    #expect { try look(0) } throws: { ($0 as? IntrayError)?.location?.path == folder.path }
  }
}
