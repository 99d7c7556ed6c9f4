import FileKit
import Foundation
import IntrayCore
import Outbox
import TestSupport
import Testing

@Suite struct RejectionsTests {
  let folder: TemporaryFolder
  let rejections: Rejections
  let id: JobID

  init() throws {
    folder = try TemporaryFolder(isSmall: true)
    rejections = Rejections(folder: "\(folder.path)/rejected")
    id = try #require(JobID(rawValue: "00000000000000aa"))
  }

  private func batch(_ name: String = "claim") throws -> String {
    try folder.write("run: ecko\n", to: "\(name)/bad one.yaml")
    try folder.write("id\n", to: "\(name)/a.csv")
    return "\(folder.path)/\(name)"
  }

  private func item(
    _ batch: String, work: WorkFolder? = nil, keepsResult: Bool = false, folder: String? = nil
  ) -> Rejections.Case {
    Rejections.Case(
      id: id, name: "bad one", batch: batch,
      error: IntrayError(
        .spec, "unknown runner 'ecko'", at: .init("bad one.yaml", line: 1, column: 6), hint: "did you mean 'echo'?"),
      work: work, keepsResult: keepsResult, attempts: 3, folder: folder)
  }

  @Test func `the reason says where, what, the nearest, where the files are, and the command that retries`() throws {
    let path = try #require(try rejections.file(item(batch())) { _ in })
    #expect(path == "\(rejections.folder)/bad one")
    #expect(try Files.list(path) == ["input", "reason.txt"])
    #expect(try Files.list("\(path)/input") == ["a.csv", "bad one.yaml"])
    #expect(
      try String(decoding: Files.read("\(path)/reason.txt"), as: UTF8.self) == """
        bad one.yaml:1:6: unknown runner 'ecko'; did you mean 'echo'?

        It was tried 3 times.
        The dropped files are kept, as they were, in
            \(path)/input
        Change there what has to be changed. This command drops them into the inbox again:
            intray retry 'bad one'

        job 00000000000000aa

        """)
  }

  @Test func `log and result are kept with the files`() throws {
    let work = WorkFolder("\(folder.path)/work")
    try folder.write("line\n", to: "work/log.jsonl")
    try folder.write("x", to: "work/out/result.csv")
    _ = try batch("work/batch")
    let path = try #require(try rejections.file(item(work.batch, work: work, keepsResult: true)) { _ in })
    #expect(try Files.list(path) == ["input", "log.jsonl", "out", "reason.txt"])
    #expect(try Files.list("\(path)/out") == ["result.csv"])
    #expect(try String(decoding: Files.read("\(path)/reason.txt"), as: UTF8.self).contains("\(path)/out\n"))
  }

  @Test func `a taken name gets a number, and the command names it`() throws {
    try folder.write("x", to: "rejected/bad one/other")
    let path = try #require(try rejections.file(item(batch())) { _ in })
    #expect(path == "\(rejections.folder)/bad one-2")
    #expect(
      try String(decoding: Files.read("\(path)/reason.txt"), as: UTF8.self).contains("intray retry 'bad one-2'\n"))
  }

  @Test func `links and special files are filed away as they are`() throws {
    let batch = try batch()
    try FileManager.default.createSymbolicLink(atPath: "\(batch)/link.csv", withDestinationPath: "/etc/passwd")
    #expect(mkfifo("\(batch)/pipe.csv", 0o600) == 0)
    let path = try #require(try rejections.file(item(batch)) { _ in })
    #expect(try Files.status("\(path)/input/link.csv")?.kind == .symlink)
    #expect(try Files.status("\(path)/input/pipe.csv")?.kind == .other)
  }

  @Test func `a crash at any call of a filing is repaired by repeating it`() throws {
    var number = 1
    while true {
      let own = try RejectionsTests()
      let work = WorkFolder("\(own.folder.path)/work")
      try own.folder.write("line\n", to: "work/log.jsonl")
      _ = try own.batch("work/batch")
      var chosen: String?
      let fault = Fault(at: number, .fail(ENOSPC))
      let first = FaultInjection.with(fault) {
        try? own.rejections.file(own.item(work.batch, work: work)) { chosen = $0 }
      }
      if !fault.fired {
        #expect(first != nil && number > 10)
        break
      }
      let path = try own.rejections.file(own.item(work.batch, work: work, folder: chosen)) { chosen = $0 }
      #expect(path == "\(own.rejections.folder)/bad one", "call \(number)")
      #expect(try Files.list(own.rejections.folder) == ["bad one"], "call \(number)")
      #expect(try Files.list("\(own.rejections.folder)/bad one") == ["input", "log.jsonl", "reason.txt"])
      #expect(try Files.list("\(own.rejections.folder)/bad one/input") == ["a.csv", "bad one.yaml"])
      number += 1
    }
  }

  @Test func `a rejected batch goes back to the inbox as one folder, and the rejection is forgotten`() throws {
    let inbox = try TemporaryFolder(isSmall: true)
    let path = try #require(try rejections.file(item(batch())) { _ in })
    #expect(try rejections.giveBack(path, name: "bad one", to: inbox.path) == "\(inbox.path)/bad one")
    #expect(try Files.list("\(inbox.path)/bad one") == ["a.csv", "bad one.yaml"])
    #expect(try Files.list(rejections.folder) == [])
    #expect { try rejections.giveBack(path, name: "bad one", to: inbox.path) } throws: {
      ($0 as? IntrayError)?.code == .missing
    }
  }

  @Test func `nothing to file is no folder`() throws {
    #expect(try rejections.file(item("\(folder.path)/gone")) { _ in } == nil)
    #expect(try Files.list(rejections.folder) == [])
  }

  @Test func `what a lost job was filing goes to the inbox`() throws {
    let inbox = try TemporaryFolder(isSmall: true)
    try folder.write("x", to: "rejected/.rejecting-00000000000000bb/input/a.csv")
    try folder.write("x", to: "rejected/.rejecting-\(id)/input/a.csv")
    try rejections.recover(except: [id], inbox: inbox.path)
    #expect(try Files.list(rejections.folder) == [".rejecting-\(id)"])
    #expect(try Files.list("\(inbox.path)/00000000000000bb") == ["a.csv"])
  }
}
