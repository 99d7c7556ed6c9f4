import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox
import Service
import TestSupport
import Testing

@Suite(.fewAtATime) struct CrashTests {
  private let text = "id\n1\n"

  private func expectOneResult(_ daemon: DaemonProcess, repeats: Int) async throws {
    let folder = try await daemon.waitForResult()
    try await daemon.waitForState(.done)
    try daemon.expectWhole(folder)
    let copies = try Files.read("\(folder)/papers.csv")
    #expect(copies == Data(String(repeating: text, count: repeats).utf8))
    #expect(try Files.list(daemon.outbox) == ["papers"])
    #expect(try Files.list(daemon.state.rejected) == [])
    #expect(try Files.list(daemon.inbox) == [])
    #expect(try JobStore(readOnly: daemon.state.store).jobs().count == 1)
    try await daemon.expectTidy()
    try await daemon.expectAgreement()
  }

  @Test func `killing the worker at ten random moments ends in one whole result`() async throws {
    let daemon = try await DaemonProcess("attempts: 100\nbackoff: 0ms").start()
    try daemon.dropEcho(text: text, repeat: 40, delay: 100)
    let killed = try await daemon.promptly {
      var generator = SeededGenerator(seed: 1)
      var killed: Set<Int32> = []
      while killed.count < 10, try Files.status("\(daemon.outbox)/papers") == nil {
        guard let worker = daemon.workers().first(where: { !killed.contains($0) }) else { continue }
        usleep(UInt32.random(in: 0..<130_000, using: &generator))
        if kill(worker, SIGKILL) == 0 { killed.insert(worker) }
      }
      return killed.count
    }
    #expect(killed == 10)
    try await expectOneResult(daemon, repeats: 40)
  }

  @Test(arguments: 0..<3) func `killing the daemon at random moments ends in one whole result`(
    seed: UInt64
  ) async throws {
    let daemon = try DaemonProcess("settle: 10ms")
    try daemon.launch()
    try daemon.dropEcho(text: text, repeat: 4, delay: 20)
    var generator = SeededGenerator(seed: 100 + seed)
    for _ in 0..<8 {
      // From before it is ready to after it is done.
      try await Task.sleep(for: .milliseconds(Int.random(in: 5..<250, using: &generator)))
      daemon.kill()
      #expect(try Files.list("\(daemon.folder.path)").contains("inbox"))
      if try Files.status("\(daemon.outbox)/papers") != nil { try daemon.expectWhole("\(daemon.outbox)/papers") }
      try daemon.launch()
    }
    try await expectOneResult(daemon, repeats: 4)
  }

  /// The daemon dies just before its nth call on the disk; restarted, it brings the batch to one whole result.
  @Test(arguments: stride(from: 20, to: 180, by: 8).map { $0 })
  func `a daemon that dies at its nth call on the disk loses and doubles nothing`(call: Int) async throws {
    let daemon = try DaemonProcess("settle: 10ms")
    try daemon.dropEcho(text: text, repeat: 2)
    try daemon.launch(environment: [FaultInjection.environmentVariable: "intrayd@any:\(call):die"])
    try await daemon.wait("it dies or is done") {
      try !daemon.isRunning || Files.status("\(daemon.outbox)/papers") != nil
    }
    daemon.kill()
    try daemon.launch()
    try await expectOneResult(daemon, repeats: 2)
  }

  /// The worker's own calls; those of a runner are killed at random above, and by `make crash`.
  @Test(arguments: 1...9) func `a worker that dies at its nth call on the disk costs an attempt`(call: Int) async throws
  {
    // One worker dies, however long a busy machine takes to see it: the next attempt is far away.
    let daemon = try DaemonProcess("settle: 10ms\nbackoff: 1h")
    try daemon.dropEcho(text: text, repeat: 2)
    try daemon.launch(environment: [FaultInjection.environmentVariable: "intray-worker@any:\(call):die"])
    try await daemon.wait("an attempt fails, or all is done") {
      try daemon.said.contains(" failed: ") || daemon.said.contains("tried again")
        || Files.status("\(daemon.outbox)/papers") != nil
    }
    daemon.kill()
    try await daemon.start()
    if try daemon.job()?.state == .waiting {
      _ = try await daemon.promptly { [state = daemon.state] in
        try ControlClient(state: state).request(.retry, job: "papers")
      }
    }
    try await expectOneResult(daemon, repeats: 2)
  }

  /// How a batch has to end.
  private enum End { case outbox, rejected, either }

  @Test func `killed again and again under load, each batch ends once and whole`() async throws {
    let daemon = try await DaemonProcess("settle: 10ms\nslots: 2\nattempts: 1000").start()
    var ends: [String: End] = [:]
    var generator = SeededGenerator(seed: 7)
    for round in 0..<8 {
      for (kind, end, fail) in [
        ("done", End.outbox, "none"), ("once", .outbox, "first_attempt"), ("bad", .rejected, "permanent"),
        ("ended", .either, "none"),
      ] {
        let name = "\(kind)\(round)"
        // A text of its own makes each a job of its own.
        try daemon.dropEcho(name, text: "id\n\(name)\n", repeat: 3, delay: 20, fail: fail)
        ends[name] = end
      }
      try await Task.sleep(for: .milliseconds(Int.random(in: 50..<400, using: &generator)))
      // It may be done, or not be a job yet.
      _ = try? ControlClient(state: daemon.state).request(.cancel, job: "ended\(round)")
      if round % 3 == 2, let worker = daemon.workers().first { _ = kill(worker, SIGKILL) } else { daemon.kill() }
      for name in try Files.list(daemon.outbox) where !name.hasPrefix(".") {
        try daemon.expectWhole("\(daemon.outbox)/\(name)")
      }
      for name in try Files.list(daemon.state.rejected) where !name.hasPrefix(".") {
        let files = try Files.list("\(daemon.state.rejected)/\(name)")
        #expect(files.contains("reason.txt") && files.contains("input"))
      }
      if !daemon.isRunning { try daemon.launch() }
    }
    func ended() throws -> [String] {
      try (Files.list(daemon.outbox) + Files.list(daemon.state.rejected)).filter { !$0.hasPrefix(".") }.sorted()
    }
    try await daemon.wait("all have come to their end", seconds: 120) { try ended().count >= ends.count }
    #expect(try ended() == ends.keys.sorted())
    for (name, end) in ends {
      let isDone = try Files.status("\(daemon.outbox)/\(name)") != nil
      #expect(end == .either || isDone == (end == .outbox), "\(name)")
    }
    try await daemon.expectTidy()
    try await daemon.expectAgreement()
  }

  @Test func `a stop lets the worker save its state, and the job goes on at the next start`() async throws {
    let daemon = try await DaemonProcess().start()
    try daemon.dropEcho(text: text, repeat: 20, delay: 100)
    try await daemon.promptly {
      // The worker saves its state twenty times.
      while (try daemon.job()?.progress?.done ?? 0) < 1 { usleep(5000) }
      daemon.signal(SIGTERM)
    }
    #expect(try await daemon.stop() == 0)
    #expect(daemon.workers() == [])
    let job = try #require(try daemon.job())
    #expect(job.state == .queued && job.attemptsWithoutProgress == 0)
    #expect(daemon.said.contains("papers: stopped; it goes on when the service is back"))
    try await daemon.start()
    try await expectOneResult(daemon, repeats: 20)
    let log = String(decoding: try Files.read("\(daemon.outbox)/papers/log.jsonl"), as: UTF8.self)
    #expect(log.contains("going on from the checkpoint"))
  }
}
