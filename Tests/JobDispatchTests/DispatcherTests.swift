import FileKit
import Foundation
import IntrayCore
import JobDispatch
import JobStore
import Outbox
import PluginHost
import TestSupport
import Testing
import WorkerLink

@Suite struct DispatcherTests {
  @Test func `a job runs and is published`() throws {
    let bench = try Bench()
    try bench.admit(with: ["repeat": 3])
    try bench.run()
    #expect(bench.story == ["queued", "started", "done"])
    let record = try bench.record()
    #expect(record.state == .done && record.attempts == 1 && record.attemptsWithoutProgress == 0)
    #expect(record.progress?.fraction == 1)
    #expect(record.started != nil && record.finished != nil)
    let folder = try #require(record.folder)
    try Manifest.read(folder: folder).verify(folder: folder)
    #expect(try Files.list("\(folder)/input") == ["a.csv"])
    #expect(record.log(in: bench.state) == "\(folder)/log.jsonl")
    try Files.makeFolder(bench.state.rejected)
    try bench.expectTidy()
  }

  @Test func `a permanent failure is rejected at once, with the files and the reason`() throws {
    let bench = try Bench()
    try bench.admit(with: ["fail": "permanent"])
    try bench.run()
    #expect(bench.story == ["queued", "started", "rejected"])
    let record = try bench.record()
    #expect(record.state == .rejected && record.attempts == 1)
    #expect(record.folder == "\(bench.state.rejected)/papers")
    #expect(try Files.list("\(bench.state.rejected)/papers") == ["input", "job.json", "log.jsonl", "reason.txt"])
    let reason = try String(decoding: Files.read("\(bench.state.rejected)/papers/reason.txt"), as: UTF8.self)
    #expect(reason.hasPrefix("the spec asks to fail; set 'fail: none'"))
    #expect(reason.contains("intray retry papers\n"))
    try Files.makeFolder(bench.outbox)
    try bench.expectTidy()
  }

  @Test(arguments: ["transient", "crash"]) func `a failure that may pass is tried three times`(kind: String) throws {
    let bench = try Bench()
    try bench.admit(with: ["fail": .string(kind)])
    try bench.run()
    #expect(
      bench.story == ["queued", "started", "failed", "resumed", "failed", "resumed", "rejected"])
    let record = try bench.record()
    #expect(record.attempts == 3 && record.state == .rejected)
    let reason = try String(decoding: Files.read("\(bench.state.rejected)/papers/reason.txt"), as: UTF8.self)
    #expect(reason.contains("It was tried 3 times."))
    if kind == "crash" { #expect(reason.contains("SIGABRT")) }
    let log = try String(decoding: Files.read("\(bench.state.rejected)/papers/log.jsonl"), as: UTF8.self)
    #expect(log.split(separator: "\n").filter { $0.contains("the attempt failed") }.count == 3)
  }

  @Test func `a second attempt can succeed`() throws {
    let bench = try Bench()
    try bench.admit(with: ["fail": "first_attempt"])
    try bench.run()
    #expect(bench.story == ["queued", "started", "failed", "resumed", "done"])
    #expect(try Manifest.read(folder: "\(bench.outbox)/papers").attempts == 2)
  }

  @Test func `a job that makes progress is never given up`() throws {
    let bench = try Bench(retries: RetryPolicy(attempts: 2, backoff: .milliseconds(1)))
    try bench.admit(with: ["repeat": 20, "delay_ms": 30])
    var killed: Set<Int32> = []
    try bench.run { record, event in
      if case .done = event { return true }
      if case .rejected = event { return true }
      // One that is dying already is found once more, or has nothing open any more.
      if case .progress = event, killed.count < 5, let worker = try? Self.worker(in: bench.state.work(record.id)) {
        if killed.insert(worker).inserted { kill(worker, SIGKILL) }
      }
      return false
    }
    #expect(killed.count == 5)
    #expect(bench.story.last == "done")
    #expect(try bench.record().attempts == 6, "\(bench.story)")
  }

  /// The process that has the job's checkpoint folder locked.
  static func worker(in work: WorkFolder) throws -> Int32? {
    for name in try Files.list("/proc") {
      guard let pid = Int32(name), pid != getpid() else { continue }
      for file in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? [] {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(file)")
        if link?.hasPrefix("\(work.checkpoint)/") == true { return pid }
      }
    }
    return nil
  }

  @Test func `as many jobs run at once as there are slots, in the order of arrival`() throws {
    let bench = try Bench(slots: 2)
    for digits in ["a1", "a2", "a3", "a4"] {
      try bench.admit(digits, name: "job-\(digits)", with: ["repeat": 2, "delay_ms": 60])
    }
    var most = 0
    try bench.run { _, event in
      most = max(most, bench.dispatcher.running.count)
      return (try? bench.store.jobs().allSatisfy { $0.state == .done }) ?? false
    }
    #expect(most == 2)
    let started = bench.events.compactMap { id, event -> String? in
      if case .started = event { id.rawValue } else { nil }
    }
    #expect(started.map { String($0.suffix(2)) } == ["a1", "a2", "a3", "a4"])
  }

  @Test func `a missing runner rejects the job`() throws {
    let empty = try TemporaryFolder(isSmall: true)
    let bench = try Bench(plugins: empty.path)
    try bench.admit()
    try bench.run()
    #expect(bench.story == ["queued", "started", "rejected"])
    let reason = try String(decoding: Files.read("\(bench.state.rejected)/papers/reason.txt"), as: UTF8.self)
    #expect(reason.hasPrefix("no runner 'echo'"))
  }

  // MARK: - Duplicates

  @Test func `the same job again is known, under way and done, and runs when its result is not intact`() throws {
    let bench = try Bench()
    try bench.admit()
    guard case .known(let active) = try bench.admit() else { throw IntrayError(.bug, "admitted twice") }
    #expect(active.state == .running)
    try bench.run()
    guard case .known(let done) = try bench.admit() else { throw IntrayError(.bug, "admitted twice") }
    #expect(done.folder == "\(bench.outbox)/papers")
    try Data("changed".utf8).write(to: URL(fileURLWithPath: "\(bench.outbox)/papers/a.csv"))
    guard case .queued = try bench.admit() else { throw IntrayError(.bug, "not admitted") }
    try bench.run()
    #expect(try bench.record().folder == "\(bench.outbox)/papers-2")
    #expect(try bench.store.jobs().count == 1)
  }

  @Test func `a forced job runs again under an id of its own`() throws {
    let bench = try Bench()
    try bench.admit()
    try bench.run()
    for number in 2...3 {
      guard case .queued(let forced) = try bench.admit(force: true) else { throw IntrayError(.bug, "not admitted") }
      #expect(forced.id.rawValue == "00000000000000aa-\(number)")
      try bench.run()
    }
    #expect(try Files.list(bench.outbox) == ["papers", "papers-2", "papers-3"])
  }

  @Test func `a rejected job that is dropped again runs again`() throws {
    let bench = try Bench()
    try bench.admit(with: ["fail": "permanent"])
    try bench.run()
    guard case .queued = try bench.admit(with: ["fail": "permanent"]) else { throw IntrayError(.bug, "not admitted") }
    try bench.run()
    #expect(try Files.list(bench.state.rejected) == ["papers", "papers-2"])
    #expect(try bench.store.jobs().count == 1)
  }

  // MARK: - Orders

  @Test func `a queued, a waiting and a running job can be cancelled, and retried from the inbox`() throws {
    let bench = try Bench(slots: 1, retries: RetryPolicy(backoff: .seconds(600)))
    try bench.admit("a1", name: "waiting", with: ["fail": "transient"])
    try bench.run { _, event in if case .attemptFailed = event { true } else { false } }
    try bench.admit("a2", name: "running", with: ["repeat": 100, "delay_ms": 1000])
    try bench.admit("a3", name: "queued")
    #expect(try bench.store.counts() == [.waiting: 1, .running: 1, .queued: 1])
    for digits in ["a1", "a3", "a2"] { try bench.dispatcher.cancel(Bench.id(digits)) }
    try bench.run()
    #expect(try bench.store.counts() == [.cancelled: 3])
    #expect(try Files.list(bench.state.rejected) == ["queued", "running", "waiting"])
    #expect(throws: IntrayError.self) { try bench.dispatcher.cancel(Bench.id("a1")) }
    let said = try bench.dispatcher.retry(Bench.id("a2"))
    #expect(said.contains("\(bench.inbox)/running"))
    #expect(try Files.list("\(bench.inbox)/running") == ["a.csv"])
    #expect(try bench.store.job(Bench.id("a2")) == nil)
    #expect(try Files.list(bench.state.rejected) == ["queued", "waiting"])
  }

  @Test func `a waiting job can be retried without waiting`() throws {
    let bench = try Bench(retries: RetryPolicy(backoff: .seconds(600)))
    try bench.admit(with: ["fail": "first_attempt"])
    try bench.run { _, event in if case .attemptFailed = event { true } else { false } }
    _ = try bench.dispatcher.retry(Bench.id("aa"))
    try bench.run()
    #expect(bench.story == ["queued", "started", "failed", "resumed", "done"])
    #expect { try bench.dispatcher.retry(Bench.id("aa")) } throws: { "\($0)".contains("force: true") }
  }

  @Test func `a clock that is set back while a job waits does not keep it waiting`() throws {
    let bench = try Bench()
    try bench.admit(with: ["fail": "first_attempt"])
    try bench.run { record, event in
      guard case .attemptFailed = event else { return record.state == .done }
      // As if the clock had been a day ahead when the time was written.
      _ = try? bench.store.update(record.id) { $0.nextAttempt = Date(timeIntervalSinceNow: 86_400) }
      return false
    }
    #expect(bench.story == ["queued", "started", "failed", "resumed", "done"])
  }

  @Test func `a stop saves the state, and the next dispatcher goes on from there`() throws {
    let folder = try TemporaryFolder(isSmall: true)
    do {
      let bench = try Bench(in: folder)
      try bench.admit(with: ["repeat": 4, "delay_ms": 300])
      try bench.admit("bb", name: "second")
      var isStopped = false
      try bench.run { _, event in
        if case .progress = event {
          bench.dispatcher.stop {
            isStopped = true
            bench.loop.stop()
          }
        }
        return isStopped
      }
      #expect(bench.story == ["queued", "started", "queued", "stopped"])
      #expect(try bench.record().state == .queued)
    }
    let bench = try Bench(in: folder)
    try bench.dispatcher.recover()
    try bench.run()
    #expect(bench.story == ["resumed", "done", "started", "done"])
    let log = try String(decoding: Files.read("\(bench.outbox)/papers/log.jsonl"), as: UTF8.self)
    #expect(log.contains("going on from the checkpoint"))
    #expect(try Files.read("\(bench.outbox)/papers/a.csv").count == 4 * 5)
  }

  // MARK: - The disk

  @Test func `an outbox that cannot be written keeps the result until it can`() throws {
    let bench = try Bench(retries: RetryPolicy(backoff: .milliseconds(20)))
    // Root may write anywhere, but not into a file.
    try bench.folder.write("not a folder", to: "outbox")
    try bench.admit()
    var failures = 0
    try bench.run { record, event in
      if case .publishingFailed(let error, _) = event {
        #expect("\(error)".contains(bench.outbox))
        #expect((try? bench.record().state) == .publishing)
        failures += 1
        if failures == 2 { try? Files.remove(bench.outbox) }
      }
      if case .done = event { return true }
      return false
    }
    #expect(failures == 2)
    #expect(try Manifest.read(folder: "\(bench.outbox)/papers").attempts == 1)
    #expect(try bench.record().error == nil)
  }

  @Test func `a result that is none is rejected with what was made`() throws {
    let bench = try Bench()
    let claim = "claim"
    try bench.folder.write("id\n1\n", to: "state/claims/\(claim)/a.csv")
    let spec = JobSpec(
      name: "papers", run: "echo", data: JobData(files: ["input": DataFile(path: "a.csv")]),
      with: ["repeat": 1, "delay_ms": 0, "fail": "none"], publish: "model")
    _ = try bench.dispatcher.admit(id: Bench.id("aa"), spec: spec, version: "1.0.0", claim: claim)
    try bench.run()
    #expect(try bench.record().state == .rejected)
    let kept = try Files.list("\(bench.state.rejected)/papers")
    #expect(kept == ["input", "job.json", "log.jsonl", "out", "reason.txt"])
    #expect(try Files.list("\(bench.state.rejected)/papers/out").contains("a.csv"))
    #expect(try Files.list("\(bench.state.rejected)/papers/input") == ["a.csv"])
    #expect(try Files.list(bench.outbox) == [])
  }

  @Test func `a refused batch is filed with its reason, at the first or a later try`() throws {
    let bench = try Bench()
    try bench.folder.write("x", to: "state/claims/c1/drop/a.csv")
    try bench.dispatcher.refuse(
      id: Bench.id("aa"), name: "drop", runner: "", claim: "c1/drop", error: IntrayError(.spec, "wrong"))
    #expect(try Files.list("\(bench.state.rejected)/drop/input") == ["a.csv"])
    #expect(try bench.record().state == .rejected && bench.record().spec == nil)
    #expect(try Files.list(bench.state.claims) == [])
    // A disk that refuses: the files stay in the claim, which belongs to the store now.
    try bench.folder.write("x", to: "state/claims/c2/a.csv")
    try FaultInjection.with(Fault(at: 1, andLater: true, .fail(ENOSPC))) {
      try bench.dispatcher.refuse(
        id: Bench.id("bb"), name: "other", runner: "", claim: "c2", error: IntrayError(.spec, "wrong"))
    }
    #expect(bench.story.last == "delayed")
    #expect(try bench.dispatcher.knownClaims().contains("c2"))
    let next = try Bench(in: bench.folder)
    try next.dispatcher.recover()
    #expect(try Files.list("\(bench.state.rejected)/other/input") == ["a.csv"])
    #expect(try Files.list(bench.state.claims) == [])
  }

  // MARK: - Recovery

  @Test func `a crash at any call between claim and queue is repaired at the next start`() throws {
    var number = 1
    while true {
      let folder = try TemporaryFolder(isSmall: true)
      let fault = Fault(at: number, andLater: true, .fail(EIO))
      do {
        let bench = try Bench(in: folder, slots: 0)
        _ = FaultInjection.with(fault) { try? bench.admit() }
      }
      let bench = try Bench(in: folder)
      try bench.dispatcher.recover()
      try bench.run()
      #expect(try Files.list(bench.outbox) == ["papers"], "call \(number)")
      #expect(try Files.list("\(bench.outbox)/papers/input") == ["a.csv"], "call \(number)")
      #expect(try Files.list(bench.state.work) == [] && Files.list(bench.state.claims) == [], "call \(number)")
      if !fault.fired { break }
      number += 1
    }
    #expect(number > 3)
  }

  @Test func `a host that dies while a job runs costs no attempt`() throws {
    let folder = try TemporaryFolder(isSmall: true)
    do {
      let bench = try Bench(in: folder)
      try bench.admit(with: ["repeat": 3, "delay_ms": 100])
      try bench.run { _, event in if case .progress = event { true } else { false } }
      #expect(try bench.record().state == .running)
      // The loop and the dispatcher go, and with them the worker, as when the process dies.
    }
    let bench = try Bench(in: folder, retries: RetryPolicy(attempts: 1))
    try bench.dispatcher.recover()
    try bench.run()
    #expect(bench.story == ["resumed", "done"])
  }

  @Test func `work without a record gives its batch back, and what is left of done jobs goes`() throws {
    let bench = try Bench()
    try bench.admit()
    try bench.run()
    try bench.folder.write("x", to: "state/work/\(Bench.id("aa"))/checkpoint/left")
    try bench.folder.write("x", to: "state/work/\(Bench.id("bb"))/batch/lost.csv")
    try bench.folder.write("x", to: "outbox/.publishing-\(Bench.id("cc"))/input/lost.csv")
    try bench.folder.write("x", to: "state/rejected/.rejecting-\(Bench.id("dd"))/input/lost.csv")
    let next = try Bench(in: bench.folder)
    try next.dispatcher.recover()
    for digits in ["bb", "cc", "dd"] { #expect(try Files.list("\(bench.inbox)/\(Bench.id(digits))") == ["lost.csv"]) }
    try next.expectTidy()
    #expect(try Files.list(bench.outbox) == ["papers"])
  }

  @Test func `an end that a crash kept from being told is told at the next start`() throws {
    let bench = try Bench()
    let ended: Set<JobState> = [.done, .rejected]
    // What a crash before the telling leaves is there while it is told.
    func isEnd(_ record: JobRecord, _ event: JobEvent) -> Bool {
      guard ended.contains(record.state) else { return false }
      #expect((try? Files.status(bench.state.work(record.id).path)) != nil)
      return true
    }
    try bench.admit("aa")
    try bench.run(until: isEnd)
    try bench.admit("bb", name: "bad", with: ["fail": "permanent"])
    try bench.run(until: isEnd)
    try bench.folder.write("x", to: "state/claims/c1/a.csv")
    bench.onEvent = { _ = isEnd($0, $1) }
    try bench.dispatcher.refuse(
      id: Bench.id("cc"), name: "refused", runner: "", claim: "c1", error: IntrayError(.spec, "wrong"))
    #expect(bench.story == ["queued", "started", "done", "queued", "started", "rejected", "rejected"])
    try bench.expectTidy()
    // All were told: nothing is told again.
    for (isTold, story) in [(true, []), (false, ["done", "rejected", "rejected"]), (true, [])] {
      if !isTold { for id in ["aa", "bb", "cc"] { try Files.makeFolder(bench.state.work(Bench.id(id)).path) } }
      let next = try Bench(in: bench.folder)
      try next.dispatcher.recover()
      #expect(next.story == story)
      try next.expectTidy()
      #expect(try next.store.jobs().allSatisfy { ended.contains($0.state) && $0.folder != nil })
    }
  }

  @Test func `a rejection whose folder a person removed is forgotten`() throws {
    let bench = try Bench()
    try bench.admit(with: ["fail": "permanent"])
    try bench.run()
    try Files.remove("\(bench.state.rejected)/papers")
    let next = try Bench(in: bench.folder)
    try next.dispatcher.recover()
    #expect(try next.store.jobs() == [])
  }
}
