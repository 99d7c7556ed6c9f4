import FileKit
import Foundation
import IntrayCore
import JobStore
import Service
import TestSupport
import Testing

@Suite(.fewAtATime) struct StoreRepairTests {
  /// What a broken disk may leave of the store: no byte of it is right.
  private func destroyStore(_ daemon: DaemonProcess) throws {
    for suffix in ["", "-wal"] {
      let path = daemon.state.store + suffix
      guard let size = try Files.status(path)?.size else { continue }
      let handle = try #require(FileHandle(forUpdatingAtPath: path))
      try handle.write(contentsOf: Data(repeating: 0xA5, count: max(size, 4096)))
      try handle.close()
    }
  }

  private func kept(_ daemon: DaemonProcess) throws -> [String] {
    try Files.list(daemon.state.path).filter { $0.hasPrefix("store.sqlite.damaged-") }
  }

  /// One job of each kind of end, and one in the middle of its work.
  private func prepare() async throws -> DaemonProcess {
    let daemon = try await DaemonProcess("slots: 2").start()
    try daemon.dropEcho("good")
    try daemon.dropEcho("bad", fail: "permanent")
    try daemon.drop([("broken.yaml", "run: ecko\ndata: {input: broken.csv}\n"), ("broken.csv", "id\n1\n")])
    try daemon.dropEcho("long", repeat: 40, delay: 100)
    for (name, state) in [("good", JobState.done), ("bad", .rejected), ("broken", .rejected)] {
      try await daemon.waitForState(state, of: name)
      try await daemon.wait("\(name) has its folder") { try daemon.job(name)?.folder != nil }
    }
    try await daemon.wait("the long job has saved its state") { try daemon.job("long")?.progress?.done ?? 0 >= 2 }
    return daemon
  }

  private func expectRepaired(_ daemon: DaemonProcess, from before: [JobRecord]) async throws {
    #expect(daemon.said.contains("the job store is damaged"))
    #expect(daemon.said.contains("2 rejected or cancelled, 1 go on"))
    #expect(try !kept(daemon).isEmpty)
    #expect(try Files.status(daemon.state.repair) == nil)
    for name in ["good", "bad", "broken"] {
      let old = try #require(before.first { $0.name == name })
      let new = try #require(try daemon.job(name))
      #expect(new.id == old.id && new.state == old.state && new.folder == old.folder && new.error == old.error)
    }
    // The job goes on from its checkpoint.
    try daemon.expectWhole(try await daemon.waitForResult("long"))
    try await daemon.waitForState(.done, of: "long")
    let log = String(decoding: try Files.read("\(daemon.outbox)/long/log.jsonl"), as: UTF8.self)
    #expect(log.contains("going on from the checkpoint"))
    #expect(try Files.list(daemon.outbox) == ["good", "long"])
    #expect(try Files.list(daemon.state.rejected) == ["bad", "broken"])
    try await daemon.expectAgreement()
  }

  @Test func `a damaged store is kept aside and made anew from the disk`() async throws {
    let daemon = try await prepare()
    daemon.kill()
    let before = try JobStore(readOnly: daemon.state.store).jobs()
    try destroyStore(daemon)
    try await daemon.start()
    try await expectRepaired(daemon, from: before)
    // The same job is known, and a rejected one can be retried.
    try daemon.dropEcho("good")
    try await daemon.wait("it is answered") { daemon.said.contains("the same job was done before") }
    #expect(try ControlClient(state: daemon.state).request(.retry, job: "broken").contains("in the inbox again"))
  }

  @Test(arguments: ["rename", "unlink"], 1...6) func `a repair that is interrupted is begun again at the next start`(
    call: String, number: Int
  ) async throws {
    let daemon = try await DaemonProcess().start()
    try daemon.dropEcho("bad", fail: "permanent")
    _ = try await daemon.waitForRejection("bad")
    try await daemon.wait("it has its folder") { try daemon.job("bad")?.folder != nil }
    daemon.kill()
    try destroyStore(daemon)
    let fault = "intrayd@\(call):\(number):die"
    try daemon.launch(environment: [FaultInjection.environmentVariable: fault])
    let client = ControlClient(state: daemon.state)
    try await daemon.wait("it dies or is ready") { !daemon.isRunning || client.isRunning }
    daemon.kill()
    try await daemon.start()
    #expect(try daemon.job("bad")?.state == .rejected)
    #expect(try kept(daemon).filter { !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }.count == 1)
    try await daemon.expectAgreement()
  }

  @Test func `a store that lost its content is a damaged one`() async throws {
    let daemon = try await prepare()
    daemon.kill()
    let before = try JobStore(readOnly: daemon.state.store).jobs()
    for suffix in ["-wal", "-shm"] { try Files.remove(daemon.state.store + suffix) }
    try Data().write(to: URL(fileURLWithPath: daemon.state.store))
    try await daemon.start()
    #expect(daemon.said.contains("the job store is empty"))
    #expect(try daemon.job("good")?.id == before.first { $0.name == "good" }?.id)
    try daemon.expectWhole(try await daemon.waitForResult("long"))
    try await daemon.waitForState(.done, of: "long")
    try await daemon.expectAgreement()
  }

  @Test func `damage while it runs ends the daemon, and the next start repairs it`() async throws {
    let daemon = try await prepare()
    let before = try JobStore(readOnly: daemon.state.store).jobs()
    try destroyStore(daemon)
    try daemon.dropEcho("last")
    try await daemon.wait("the daemon ends") { !daemon.isRunning }
    #expect(daemon.said.contains("critical"))
    try await daemon.start()
    try await expectRepairedWithLast(daemon, from: before)
  }

  private func expectRepairedWithLast(_ daemon: DaemonProcess, from before: [JobRecord]) async throws {
    #expect(try !kept(daemon).isEmpty)
    for name in ["good", "last", "long"] { try daemon.expectWhole(try await daemon.waitForResult(name)) }
    for name in ["last", "long"] { try await daemon.waitForState(.done, of: name) }
    #expect(try daemon.job("bad")?.id == before.first { $0.name == "bad" }?.id)
    #expect(try Files.list(daemon.outbox) == ["good", "last", "long"])
    try await daemon.expectAgreement()
  }

  @Test func `a locked store is refused with a clear message and left where it is`() async throws {
    let daemon = try await DaemonProcess().start()
    #expect(try await daemon.stop() == 0)
    let lock = try RecordLock(daemon.state.store)
    try daemon.launch()
    try await daemon.wait("it gives up") { !daemon.isRunning }
    #expect(daemon.said.contains("the job store is locked by another program; end that program"))
    #expect(try kept(daemon) == [])
    lock.release()
    try await daemon.start()
    #expect(try kept(daemon) == [])
  }

  @Test func `a store that is locked for longer than the daemon waits holds jobs up and loses none`() async throws {
    let daemon = try await DaemonProcess().start()
    // Byte 120 of the index is the lock of whoever writes (sqlite.org/walformat.html, 2.3.3).
    let lock = try RecordLock(daemon.state.store + "-shm", from: 120, count: 1)
    try daemon.dropEcho()
    try await daemon.wait("it says so") { daemon.said.contains("the job store is locked by another program") }
    #expect(try Files.list(daemon.outbox) == [])
    lock.release()
    try daemon.expectWhole(try await daemon.waitForResult())
    try await daemon.waitForState(.done)
    #expect(try Files.list(daemon.outbox) == ["papers"])
    try await daemon.expectTidy()
    try await daemon.expectAgreement()
  }
}

/// A record lock (fcntl(2)) as SQLite's own are, held by this process against the daemon.
private final class RecordLock {
  private let descriptor: Int32

  /// - Parameter count: 0 stands for all that follows.
  init(_ path: String, from offset: Int = 0, count: Int = 0) throws {
    descriptor = open(path, O_RDWR | O_CLOEXEC)
    var lock = flock(
      l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: offset, l_len: count, l_pid: 0)
    // A writer may have it for a moment.
    guard descriptor >= 0, fcntl(descriptor, F_SETLKW, &lock) == 0 else {
      throw IntrayError(.bug, "cannot lock: \(String(cString: strerror(errno)))", at: .init(path))
    }
  }

  func release() { close(descriptor) }
}
