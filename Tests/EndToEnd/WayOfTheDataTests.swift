import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox
import Service
import SpecFile
import TestSupport
import Testing

/// From the inbox to the outbox with the real daemon and the Echo runner.
@Suite struct WayOfTheDataTests {
  private func text(_ path: String) throws -> String { String(decoding: try Files.read(path), as: UTF8.self) }

  @Test func `a dropped batch comes out whole`() async throws {
    let daemon = try await DaemonProcess().start()
    try daemon.dropEcho(text: "id,text\n1,\"a\nb\"\n", repeat: 3)
    let folder = try await daemon.waitForResult()
    try daemon.expectWhole(folder)
    #expect(
      try Files.list(folder) == ["input", "job.yaml", "log.jsonl", "manifest.json", "metrics.json", "papers.csv"])
    #expect(try Files.list("\(folder)/input") == ["papers.csv", "papers.yaml"])
    #expect(try text("\(folder)/papers.csv") == String(repeating: "id,text\n1,\"a\nb\"\n", count: 3))
    let spec = try DraftSpec.read("\(folder)/job.yaml")
    #expect(spec.name == "papers" && spec.run == "echo" && spec.files["input"]?.path == "papers.csv")
    #expect(try text("\(folder)/log.jsonl").contains("all copies are made"))
    try await daemon.waitForState(.done)
    let job = try #require(try daemon.job())
    #expect(job.attempts == 1 && job.folder == folder)
    #expect(try Manifest.read(folder: folder).job == job.id)
    try await daemon.expectTidy()
    #expect(try await daemon.stop() == 0)
    #expect(daemon.said.contains("papers: done: \(folder)"))
  }

  @Test func `a folder moved in is a batch`() async throws {
    let daemon = try await DaemonProcess().start()
    try daemon.folder.write("run: echo\nname: renamed\ndata: {input: a.csv}\n", to: "drop/spec.yml")
    try daemon.folder.write("id\n1\n", to: "drop/a.csv")
    try Files.rename("\(daemon.folder.path)/drop", to: "\(daemon.inbox)/drop")
    let folder = try await daemon.waitForResult("renamed")
    try daemon.expectWhole(folder)
    #expect(try Files.list("\(folder)/input") == ["a.csv", "spec.yml"])
    try await daemon.expectTidy()
  }

  @Test func `a folder that is filled slowly is a batch when it is full`() async throws {
    let daemon = try await DaemonProcess("settle: 200ms").start()
    try Files.makeFolder("\(daemon.inbox)/drop")
    try daemon.folder.write("run: echo\ndata: {input: a.csv}\n", to: "inbox/drop/papers.yaml")
    try await daemon.wait("it waits") { daemon.said.contains("drop/papers.yaml waits for a.csv") }
    // Held open: not complete, however quiet it is.
    let writer = try FileWriter("\(daemon.inbox)/drop/a.csv")
    try writer.write("id\n")
    try writer.flush()
    try await Task.sleep(for: .milliseconds(600))
    #expect(try Files.status("\(daemon.inbox)/drop/a.csv") != nil)
    try writer.write("1\n")
    try writer.close()
    let folder = try await daemon.waitForResult("papers")
    #expect(try text("\(folder)/a.csv") == "id\n1\n")
  }

  @Test func `a file alone goes by its route`() async throws {
    let daemon = try await DaemonProcess(
      """
      routes:
        - match: "new-*.csv"
          spec: {run: echo, with: {repeat: 2}}
      """
    ).start()
    try daemon.drop([("new-1.csv", "id\n1\n")])
    let folder = try await daemon.waitForResult("new-1")
    try daemon.expectWhole(folder)
    #expect(try text("\(folder)/new-1.csv") == "id\n1\nid\n1\n")
    #expect(try Files.list("\(folder)/input") == ["new-1.csv"])
  }

  @Test func `what came in while the daemon was down is found`() async throws {
    let daemon = try DaemonProcess()
    try daemon.dropEcho()
    try daemon.folder.write("x", to: "inbox/left.csv.part")
    try await daemon.start()
    try daemon.expectWhole(try await daemon.waitForResult())
    #expect(try Files.list(daemon.inbox) == ["left.csv.part"])
  }

  @Test func `a spec waits for its file`() async throws {
    let daemon = try await DaemonProcess().start()
    try daemon.drop([("papers.yaml", "run: echo\ndata: {input: late.csv}\n")])
    try await daemon.wait("it waits") { daemon.said.contains("papers.yaml waits for late.csv") }
    try daemon.drop([("late.csv", "id\n1\n")])
    try daemon.expectWhole(try await daemon.waitForResult())
  }

  @Test func `a spec whose file never comes is rejected`() async throws {
    let daemon = try await DaemonProcess("wait: 300ms").start()
    try daemon.drop([("papers.yaml", "run: echo\ndata: {input: late.csv}\n"), ("later.csv", "id\n")])
    #expect(try await daemon.waitForRejection().contains("papers.yaml names late.csv, which did not come within"))
    #expect(try await daemon.waitForRejection("later").contains("no spec names this file"))
    try await daemon.expectTidy()
    #expect(try Files.list(daemon.inbox) == [])
  }

  @Test func `two specs may name the same file`() async throws {
    let daemon = try await DaemonProcess().start()
    func spec(_ count: Int) -> String { "run: echo\ndata: {input: a.csv}\nwith: {repeat: \(count)}\n" }
    try daemon.drop([("one.yaml", spec(1)), ("two.yaml", spec(2)), ("a.csv", "id\n1\n")])
    try daemon.expectWhole(try await daemon.waitForResult("one"))
    try daemon.expectWhole(try await daemon.waitForResult("two"))
    #expect(try Files.list("\(daemon.outbox)/one/input") == ["a.csv", "one.yaml"])
    #expect(try Files.list("\(daemon.outbox)/two/input") == ["a.csv", "two.yaml"])
    try await daemon.expectTidy()
    #expect(try Files.list(daemon.inbox) == [])
  }

  @Test func `the same batch again is answered with the earlier result, unless it is forced`() async throws {
    let daemon = try await DaemonProcess().start()
    try daemon.dropEcho()
    let folder = try await daemon.waitForResult()
    try await daemon.waitForState(.done)
    try daemon.dropEcho()
    try await daemon.wait("it is answered") { daemon.said.contains("the same job was done before: \(folder)") }
    try await daemon.expectTidy()
    #expect(try Files.list(daemon.inbox) == [])
    #expect(try Files.list(daemon.outbox) == ["papers"])
    try daemon.dropEcho(more: "force: true")
    try daemon.expectWhole(try await daemon.waitForResult("papers-2"))
    let ids = try JobStore(readOnly: daemon.state.store).jobs().map(\.id.rawValue)
    #expect(ids.count == 2 && ids[0] == ids[1] + "-2")
  }

  @Test func `sixty jobs dropped at once all finish exactly once`() async throws {
    let daemon = try await DaemonProcess("slots: 2").start()
    let count = 60
    for number in 0..<count { try daemon.dropEcho("job-\(number)", text: "id\n\(number)\n") }
    try await daemon.wait("all are done") {
      try JobStore(readOnly: daemon.state.store).counts()[.done] == count
    }
    #expect(try Files.list(daemon.outbox).count == count)
    for number in 0..<count { try daemon.expectWhole("\(daemon.outbox)/job-\(number)") }
    try await daemon.expectTidy()
  }
}
