import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox
import Service
import TestSupport
import Testing

/// What "What happens when" in docs/operations.md promises.
@Suite(.fewAtATime) struct FaultTests {
  /// The disk refuses all calls of a kind for a while. The daemon says so, goes on trying, and brings the job to its end
  /// without being started again.
  @Test(arguments: FaultInjection.Call.allCases, ["ENOSPC", "EIO"]) func `a disk that refuses for a while delays a job`(
    call: FaultInjection.Call, code: String
  ) async throws {
    try await delay(call, from: 1, code)
  }

  /// It refuses when a part of the work is done.
  @Test(arguments: [FaultInjection.Call.open, .write, .fsync, .rename, .unlink, .mkdir], [2, 4, 6, 9])
  func `a disk that refuses in the middle of a job delays it`(call: FaultInjection.Call, number: Int) async throws {
    try await delay(call, from: number, "EIO")
  }

  private func delay(_ call: FaultInjection.Call, from number: Int, _ code: String) async throws {
    let daemon = try DaemonProcess()
    let broken = "\(daemon.folder.path)/broken"
    let fault = "intrayd@\(call.rawValue):\(number)+:\(code):\(broken)"
    try await daemon.start(environment: [FaultInjection.environmentVariable: fault])
    try daemon.folder.write("", to: "broken")
    try daemon.dropEcho()
    let text = String(cString: strerror(code == "EIO" ? EIO : ENOSPC))
    // A call that a job does not need, or can do without, does not delay it.
    try await daemon.wait("it says so or is done") {
      try daemon.said.contains(text) || Files.status("\(daemon.outbox)/papers") != nil
    }
    #expect(daemon.isRunning)
    try Files.remove(broken)
    try daemon.expectWhole(try await daemon.waitForResult())
    try await daemon.waitForState(.done)
    #expect(daemon.isRunning)
    #expect(try Files.list(daemon.outbox) == ["papers"])
    #expect(try Files.list(daemon.state.rejected) == [])
    #expect(try await daemon.stop() == 0)
    // What could not be removed is removed at the next start.
    try await daemon.start()
    try await daemon.expectTidy()
    try await daemon.expectAgreement()
  }

  @Test(.enabled(if: canMount, "mounting a file system needs root")) func `a read-only outbox keeps the result`()
    async throws
  {
    let daemon = try DaemonProcess("backoff: 100s")
    try Files.makeFolder(daemon.outbox)
    #expect(try mount(["-t", "tmpfs", "tmpfs", daemon.outbox]))
    defer { unmount(daemon.outbox) }
    try await daemon.start()
    #expect(try mount(["-o", "remount,ro", daemon.outbox]))
    try daemon.dropEcho()
    try await daemon.wait("it says so") { daemon.said.contains("the file system is mounted read-only") }
    #expect(try daemon.job()?.state == .publishing)
    #expect(try mount(["-o", "remount,rw", daemon.outbox]))
    #expect(try Files.list(daemon.outbox) == [])
    _ = try ControlClient(state: daemon.state).request(.retry, job: "papers")
    try daemon.expectWhole(try await daemon.waitForResult())
    try await daemon.waitForState(.done)
    try await daemon.expectTidy()
    try await daemon.expectAgreement()
    daemon.kill()
  }

  @Test func `an inbox that was moved away and made anew is watched`() async throws {
    let daemon = try await DaemonProcess().start()
    try Files.rename(daemon.inbox, to: "\(daemon.folder.path)/old")
    try Files.makeFolder(daemon.inbox)
    try daemon.dropEcho()
    try daemon.expectWhole(try await daemon.waitForResult())
  }

  /// More events than the kernel keeps, while the daemon cannot read them: also the one that says that the inbox has gone
  /// is lost.
  @Test func `lost events lose no batch, and no inbox`() async throws {
    let limit = "/proc/sys/fs/inotify/max_queued_events"
    let count = try #require(Int(String(decoding: try Files.read(limit), as: UTF8.self).filter(\.isNumber)))
    guard count <= 1 << 17 else { return print("skipped: \(limit) is \(count)") }
    let daemon = try await DaemonProcess().start()
    daemon.signal(SIGSTOP)
    try await daemon.promptly {
      // Two events each: created, closed.
      for number in 0...(count / 2 + 1) {
        let path = "\(daemon.inbox)/.\(number)"
        close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
        unlink(path)
      }
    }
    try Files.remove(daemon.inbox)
    try Files.makeFolder(daemon.inbox)
    try Files.remove(daemon.inbox)
    daemon.signal(SIGCONT)
    try await daemon.wait("it is there again") { try Files.status(daemon.inbox) != nil }
    try daemon.dropEcho()
    try daemon.expectWhole(try await daemon.waitForResult())
    #expect(daemon.said.contains("the inbox was gone and has been made again"))
  }

  /// The clock was set back after the time was written down, or far ahead.
  @Test(arguments: [-1.0, 1]) func `a clock that was set keeps no job waiting longer than it was meant to`(
    direction: Double
  ) async throws {
    let daemon = try await DaemonProcess("backoff: 600s").start()
    try daemon.dropEcho(fail: "first_attempt")
    try await daemon.waitForState(.waiting)
    daemon.kill()
    do {
      let store = try JobStore(daemon.state.store)
      try store.update(try #require(try daemon.job()).id) {
        $0.nextAttempt = Date(timeIntervalSinceNow: direction * 10 * 365 * 86_400)
      }
    }
    // Ahead, it waits as long as the configuration says; a time that is over is not waited for.
    try daemon.configure("backoff: \(direction > 0 ? "20ms" : "600s")")
    try await daemon.start()
    try daemon.expectWhole(try await daemon.waitForResult())
    try await daemon.expectAgreement()
  }
}

private func mount(_ arguments: [String]) throws -> Bool {
  try Program("/usr/bin/env", in: "/").run(["mount"] + arguments).status == 0
}

private func unmount(_ path: String) { _ = try? Program("/usr/bin/env", in: "/")("umount", "-l", path) }

private let canMount: Bool = {
  guard geteuid() == 0, let folder = try? TemporaryFolder() else { return false }
  defer { unmount(folder.path) }
  return (try? mount(["-t", "tmpfs", "tmpfs", folder.path])) ?? false
}()
