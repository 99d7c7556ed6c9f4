import FileKit
import Foundation
import IntrayCore
import JobStore
import Service
import TestSupport
import Testing

@Suite struct ControlTests {
  @Test func `a running job is cancelled and retried by the control socket`() async throws {
    let daemon = try await DaemonProcess().start()
    let client = ControlClient(state: daemon.state)
    try daemon.dropEcho(repeat: 100, delay: 1000)
    try await daemon.wait("it runs") { !daemon.workers().isEmpty }
    let id = try #require(try daemon.job()).id.rawValue
    #expect(try client.request(.cancel, job: String(id.prefix(6))).contains(id))
    #expect(try await daemon.waitForRejection().hasPrefix("cancelled by `intray cancel`"))
    try await daemon.wait("its worker is gone") { daemon.workers().isEmpty }
    #expect(try Files.list("\(daemon.state.rejected)/papers/input") == ["papers.csv", "papers.yaml"])
    try await daemon.wait("it is filed") { try daemon.job()?.folder != nil }
    #expect { try client.request(.cancel, job: id) } throws: { ($0 as? IntrayError)?.code == .usage }
    try daemon.folder.write(
      "run: echo\ndata: {input: papers.csv}\n", to: "state/rejected/papers/input/papers.yaml")
    try client.request(.retry, job: "papers")
    try daemon.expectWhole(try await daemon.waitForResult())
  }

  @Test func `a held queue fills to its limit, the rest stays in the inbox, and a release lets all of it run`()
    async throws
  {
    let daemon = try await DaemonProcess("queue: 3").start()
    let client = ControlClient(state: daemon.state)
    try client.request(.hold)
    for number in 0..<8 { try daemon.dropEcho("papers-\(number)", text: "id\n\(number)\n") }
    try await daemon.wait("the queue is full") { daemon.said.contains("3 jobs wait, as many as `queue` says") }
    #expect(try JobStore(readOnly: daemon.state.store).counts() == [.queued: 3])
    #expect(try Files.list(daemon.inbox).count == 10)
    // A hold outlives the daemon.
    #expect(try await daemon.stop() == 0)
    try await daemon.start()
    try await daemon.wait("it says so") { daemon.said.components(separatedBy: "held: nothing starts").count == 3 }
    try client.request(.release)
    try await daemon.wait("all are done") { try JobStore(readOnly: daemon.state.store).counts() == [.done: 8] }
    #expect(try Files.list(daemon.inbox) == [])
    #expect(try Files.list(daemon.outbox).count == 8)
  }

  @Test func `old results and rejected batches are removed as the configuration says`() async throws {
    let daemon = try await DaemonProcess("keep: {results: 2s}").start()
    try daemon.dropEcho("good")
    try daemon.dropEcho("bad", fail: "permanent")
    try await daemon.wait("both come to their end") {
      let counts = try JobStore(readOnly: daemon.state.store).counts()
      return counts[.rejected] == 1 && counts[.queued] == nil && counts[.running] == nil
    }
    try await daemon.wait("the result goes") {
      try JobStore(readOnly: daemon.state.store).counts() == [.rejected: 1] && Files.list(daemon.outbox) == []
    }
    #expect(daemon.said.contains("1 results were older than"))
    #expect(try Files.list(daemon.state.rejected) == ["bad"])
  }

  @Test func `a purged job is gone with its result`() async throws {
    let daemon = try await DaemonProcess().start()
    try daemon.dropEcho()
    try await daemon.waitForState(.done)
    #expect(try ControlClient(state: daemon.state).request(.purge, job: "papers").contains("is forgotten"))
    #expect(try Files.list(daemon.outbox) == [])
    #expect(try JobStore(readOnly: daemon.state.store).jobs().isEmpty)
  }

  @Test func `a request for a job that is not there says what is near`() async throws {
    let daemon = try await DaemonProcess().start()
    let client = ControlClient(state: daemon.state)
    try daemon.dropEcho()
    try await daemon.waitForState(.done)
    #expect { try client.request(.cancel, job: "pappers") } throws: {
      ($0 as? IntrayError)?.code == .missing && "\($0)".contains("did you mean 'papers'?")
    }
    #expect { try client.request(.retry) } throws: { ($0 as? IntrayError)?.code == .usage }
    #expect { try client.request(.retry, job: "papers") } throws: { "\($0)".contains("force: true") }
  }

  @Test func `garbage on the control socket does no harm`() async throws {
    let daemon = try await DaemonProcess().start()
    for text in ["garbage\n", "{\"verb\": \"explode\"}\n", String(repeating: "x", count: 200_000), "\n", ""] {
      let script =
        "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
        + "try:\n s.sendall(sys.stdin.buffer.read())\n s.shutdown(1)\n print(s.recv(65536).decode())\nexcept OSError: pass\n"
      let result = try Program("/usr/bin/env", in: daemon.folder.path)(
        "python3", "-c", script, daemon.state.controlSocket, input: text)
      if text.hasSuffix("}\n") { #expect(result.output.contains("usage")) }
    }
    #expect(ControlClient(state: daemon.state).isRunning)
  }

  @Test func `without a daemon the client says so`() throws {
    let folder = try TemporaryFolder()
    #expect { try ControlClient(state: StateFolder(folder.path)).request(.ping) } throws: {
      ($0 as? IntrayError)?.code == .unavailable
    }
  }

  @Test func `a second daemon on the same state folder is refused`() async throws {
    let daemon = try await DaemonProcess().start()
    let result = try Program("intrayd", in: daemon.folder.path)("--config", "intray.yaml")
    #expect(result.status == IntrayError.Code.unavailable.exitCode)
    #expect(result.errors.contains("another intrayd runs with this state folder"))
    #expect(daemon.isRunning)
  }

  @Test func `a reload takes new routes, and keeps the old ones when the file has a fault`() async throws {
    let daemon = try await DaemonProcess().start()
    try daemon.configure("slots: none")
    daemon.signal(SIGHUP)
    try await daemon.wait("it says so") { daemon.said.contains("the configuration stays as it was") }
    try daemon.configure("routes: [{match: 'new-*.csv', spec: {run: echo}}]")
    try daemon.drop([("new-1.csv", "id\n1\n")])
    daemon.signal(SIGHUP)
    try daemon.expectWhole(try await daemon.waitForResult("new-1"))
  }

  @Test func `an inbox that was removed is made again and watched`() async throws {
    let daemon = try await DaemonProcess().start()
    try Files.remove(daemon.inbox)
    try await daemon.wait("it is there again") { try Files.status(daemon.inbox) != nil }
    try await daemon.wait("it says so") { daemon.said.contains("has been made again") }
    try daemon.dropEcho()
    try daemon.expectWhole(try await daemon.waitForResult())
  }

  @Test func `the configuration can be checked alone`() throws {
    let folder = try TemporaryFolder()
    try folder.write("slots: 2\n", to: "good.yaml")
    try folder.write("slot: 2\n", to: "bad.yaml")
    let program = Program("intrayd", in: folder.path)
    #expect(try program("--config", "good.yaml", "--check").status == 0)
    let bad = try program("--config", "bad.yaml", "--check")
    #expect(bad.status == IntrayError.Code.spec.exitCode)
    #expect(bad.errors.contains("bad.yaml:1:1: unknown key 'slot'"))
    #expect(try program("--config", "gone.yaml", "--check").status == IntrayError.Code.missing.exitCode)
    #expect(try program("--version").output == "\(IntrayVersion.current)\n")
    #expect(try Files.list(folder.path) == ["bad.yaml", "good.yaml"])
  }

  @Test func `state and inbox that no rename connects are refused at the start`() throws {
    let folder = try TemporaryFolder()
    let other = try TemporaryFolder(isSmall: true)
    guard try Files.status(folder.path)?.device != Files.status(other.path)?.device else { return }
    try folder.write("inbox: \(folder.path)/inbox\nstate: \(other.path)/state\n", to: "intray.yaml")
    let result = try Program("intrayd", in: folder.path)("--config", "intray.yaml", timeLimit: 20)
    #expect(result.status == IntrayError.Code.spec.exitCode)
    #expect(result.errors.contains("put `state` on the file system of `inbox`"))
    #expect(try Files.list("\(folder.path)/inbox") == [])
  }
}
