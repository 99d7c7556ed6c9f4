import FileKit
import Foundation
import IntrayCore
import JobDispatch
import JobStore
import Testing

@Suite struct LimitsTests {
  private func started(_ bench: Bench) throws -> [String] {
    try bench.events.compactMap { id, event in
      if case .started = event { try #require(try bench.store.job(id)).name } else { nil }
    }
  }

  @Test func `the highest priority comes first, then the first to come`() throws {
    let bench = try Bench()
    bench.dispatcher.hold(true)
    for (digits, priority) in [("a1", 0), ("a2", -5), ("a3", 10), ("a4", 10), ("a5", 0)] {
      try bench.admit(digits, name: digits, priority: priority)
    }
    #expect(bench.dispatcher.obstacle == .held)
    #expect(bench.dispatcher.running.isEmpty)
    bench.dispatcher.hold(false)
    try bench.run()
    #expect(try started(bench) == ["a3", "a4", "a1", "a5", "a2"])
    #expect(bench.dispatcher.obstacle == nil)
  }

  // MARK: - Memory

  @Test func `a job whose plan can never fit is rejected before it runs`() throws {
    // Echo plans 32 MiB.
    let bench = try Bench { $0.memory = 16 << 20 }
    try bench.admit()
    try bench.run()
    #expect(bench.story == ["queued", "started", "rejected"])
    let record = try bench.record()
    #expect(record.plannedMemory == 32 << 20)
    #expect(
      record.error?.message == "the job is planned to take 32 MiB of memory, and all jobs together may take 16 MiB")
    #expect(record.error?.hint?.contains("`memory`") == true)
    #expect(try Files.list(try #require(record.folder)).contains("input"))
  }

  @Test func `a plan of an earlier attempt that does not fit any more is made again, and counts`() throws {
    for (memory, state) in [(16 << 20, JobState.rejected), (48 << 20, .done)] {
      let bench = try Bench { $0.memory = memory }
      bench.dispatcher.hold(true)
      try bench.admit()
      try bench.store.update(Bench.id("aa")) { $0.plannedMemory = 64 << 20 }
      bench.dispatcher.hold(false)
      try bench.run()
      #expect(try bench.record().state == state)
    }
  }

  @Test func `jobs that do not fit together run one after the other, whatever slots there are`() throws {
    let bench = try Bench(slots: 3) { $0.memory = 48 << 20 }
    for digits in ["a1", "a2", "a3"] { try bench.admit(digits, name: digits, with: ["repeat": 2, "delay_ms": 50]) }
    var most = 0
    bench.onEvent = { _, _ in }
    try bench.run { [dispatcher = bench.dispatcher] _, event in
      if case .progress = event { most = max(most, dispatcher.running.count { $0.progress != nil }) }
      return (try? bench.store.jobs().allSatisfy { $0.state == .done }) ?? false
    }
    #expect(most == 1)
    #expect(try started(bench).count == 3 + bench.story.count { $0 == "does not fit" })
    #expect(try bench.store.jobs().map(\.attempts) == [1, 1, 1])
  }

  @Test func `jobs that fit together run at once`() throws {
    let bench = try Bench(slots: 2) { $0.memory = 64 << 20 }
    for digits in ["a1", "a2"] { try bench.admit(digits, name: digits, with: ["repeat": 20, "delay_ms": 50]) }
    var most = 0
    try bench.run { [dispatcher = bench.dispatcher] _, event in
      if case .progress = event { most = max(most, dispatcher.running.count { $0.progress != nil }) }
      return (try? bench.store.jobs().allSatisfy { $0.state == .done }) ?? false
    }
    #expect(most == 2)
    #expect(!bench.story.contains("does not fit"))
  }

  @Test func `a worker that takes more memory than its limit is ended, with the numbers`() throws {
    let bench = try Bench { $0.limits = JobLimits(memory: 1 << 20) }
    try bench.admit(with: ["repeat": 100, "delay_ms": 100])
    try bench.run()
    #expect(bench.story == ["queued", "started", "rejected"])
    let message = try #require(try bench.record().error?.message)
    #expect(message.hasPrefix("the job took ") && message.hasSuffix(" MiB of memory, more than its limit of 1 MiB"))
  }

  @Test func `a plan that is over the job's own limit rejects it`() throws {
    let bench = try Bench { $0.memory = 1 << 40 }
    try bench.admit(limits: JobLimits(memory: 20 << 20))
    try bench.run()
    let message = try #require(try bench.record().error?.message)
    // A machine so busy that the worker is measured before it has planned gives the other one.
    #expect(message.hasSuffix("and it may take 20 MiB") || message.hasSuffix("more than its limit of 20 MiB"))
  }

  // MARK: - Time

  @Test func `a job that runs longer than its limit is ended`() throws {
    let bench = try Bench()
    try bench.admit(with: ["repeat": 100, "delay_ms": 100], limits: JobLimits(seconds: 1))
    try bench.run()
    #expect(bench.story == ["queued", "started", "rejected"])
    let record = try bench.record()
    #expect(record.error?.message == "the job ran for more than its limit of 1 s")
    #expect(record.runningSeconds >= 1)
    let reason = try String(decoding: Files.read("\(try #require(record.folder))/reason.txt"), as: UTF8.self)
    #expect(!reason.contains("cancelled") && reason.contains("raise `limits`"))
  }

  @Test func `the limit of time counts all attempts`() throws {
    let bench = try Bench()
    try bench.admit(with: ["repeat": 100, "delay_ms": 100], limits: JobLimits(seconds: 2))
    var isKilled = false
    try bench.run { record, event in
      if case .progress(let progress) = event, progress.done >= 3, !isKilled,
        let worker = try? DispatcherTests.worker(in: bench.state.work(record.id))
      {
        isKilled = true
        kill(worker, SIGKILL)
      }
      if case .rejected = event { return true }
      return false
    }
    let record = try bench.record()
    #expect(isKilled && record.attempts == 2)
    #expect(record.error?.message == "the job ran for more than its limit of 2 s")
    #expect((2..<20).contains(record.runningSeconds))
  }

  @Test func `a worker that says nothing is killed and tried again`() throws {
    let bench = try Bench { $0.stall = .milliseconds(300) }
    try bench.admit(with: ["repeat": 2, "delay_ms": 60_000])
    try bench.run()
    #expect(bench.story == ["queued", "started", "failed", "resumed", "failed", "resumed", "rejected"])
    let error = try #require(try bench.record().error)
    #expect(error.code == .crashed && error.message.contains("said nothing"))
    #expect(error.hint?.contains("`stall`") == true)
    #expect(!bench.dispatcher.isStuck)
  }

  // MARK: - The disk

  @Test func `without room on the disk nothing begins, and with it all goes on`() throws {
    let bench = try Bench { $0.diskFloor = 1 << 60 }
    try bench.admit()
    #expect(bench.dispatcher.running.isEmpty)
    guard case .diskFull(_, let free, let floor) = bench.dispatcher.obstacle else {
      Issue.record("\(String(describing: bench.dispatcher.obstacle))")
      return
    }
    #expect(free > 0 && floor == 1 << 40)
    // Less room is the same news.
    var told = 0
    bench.dispatcher.onObstacle = { _ in told += 1 }
    bench.dispatcher.settings.diskFloor = 1 << 61
    #expect(told == 0)
    bench.dispatcher.settings.diskFloor = 0
    try bench.run()
    #expect(told == 1)
    #expect(bench.story == ["queued", "started", "done"])
  }

  // MARK: - Orders

  @Test func `a held job waits for its release, and one that runs saves its state first`() throws {
    let bench = try Bench()
    try bench.admit("a1", name: "a1", with: ["repeat": 6, "delay_ms": 100])
    try bench.admit("a2", name: "a2")
    let (first, second) = (try Bench.id("a1"), try Bench.id("a2"))
    #expect(try bench.dispatcher.hold(second).contains("is held"))
    var isAsked = false
    try bench.run { record, event in
      if case .progress(let progress) = event, progress.done > 0, !isAsked {
        isAsked = true
        _ = try? bench.dispatcher.hold(first)
      }
      if case .held = event, record.id == first { return true }
      return false
    }
    #expect(try bench.record("a1").state == .queued)
    #expect(bench.dispatcher.running.isEmpty)
    #expect(throws: IntrayError.self) { try bench.dispatcher.release(try Bench.id("a3")) }
    _ = try bench.dispatcher.release(first)
    _ = try bench.dispatcher.release(second)
    #expect { try bench.dispatcher.release(second) } throws: { ($0 as? IntrayError)?.code == .usage }
    try bench.run()
    #expect(
      bench.story
        == [
          "queued", "started", "queued", "held", "held", "released", "resumed", "released", "done", "started", "done",
        ])
    let log = try String(decoding: Files.read("\(bench.outbox)/a1/log.jsonl"), as: UTF8.self)
    #expect(log.contains("going on from the checkpoint"))
  }

  @Test func `a job that fails while it is to be held waits for its release as well`() throws {
    let bench = try Bench { $0.stall = .milliseconds(400) }
    try bench.admit(with: ["repeat": 3, "delay_ms": 60_000])
    let id = try Bench.id("aa")
    bench.loop.after(.milliseconds(300)) { [dispatcher = bench.dispatcher] in _ = try dispatcher.hold(id) }
    try bench.run { _, event in
      switch event {
      // The stall may come before the worker heeds the stop.
      case .attemptFailed, .held: true
      default: false
      }
    }
    #expect(try bench.record().isHeld)
  }

  @Test func `purge removes a result or a rejected batch with its record, and nothing that is under way`() throws {
    let bench = try Bench()
    try bench.admit("a1", name: "good")
    try bench.admit("a2", name: "bad", with: ["fail": "permanent"])
    try bench.run()
    let folders = try ["a1", "a2"].map { try #require(try bench.record($0).folder) }
    for digits in ["a1", "a2"] { _ = try bench.dispatcher.purge(try Bench.id(digits)) }
    for folder in folders { #expect(try Files.status(folder) == nil) }
    #expect(try bench.store.jobs().isEmpty)
    try bench.expectTidy()
    bench.dispatcher.hold(true)
    try bench.admit("a3")
    #expect { try bench.dispatcher.purge(try Bench.id("a3")) } throws: { ($0 as? IntrayError)?.code == .usage }
  }

  @Test func `a folder that is not the job's result any more is not purged`() throws {
    let bench = try Bench()
    try bench.admit()
    try bench.run()
    let folder = try #require(try bench.record().folder)
    try Files.remove(folder)
    try bench.folder.write("mine", to: "outbox/papers/notes.txt")
    #expect(try bench.dispatcher.purge(try Bench.id("aa")).contains("not in the outbox any more"))
    #expect(try Files.list(folder) == ["notes.txt"])
  }

  @Test func `what ended before a time is purged, the oldest first`() throws {
    let bench = try Bench()
    for digits in ["a1", "a2", "a3"] { try bench.admit(digits, name: digits) }
    try bench.admit("a4", name: "a4", with: ["fail": "permanent"])
    try bench.run()
    let (dispatcher, later) = (bench.dispatcher, Date(timeIntervalSinceNow: 60))
    #expect(try dispatcher.purge(endedBefore: Date(timeIntervalSinceNow: -60), in: [.done, .rejected]) == 0)
    #expect(try dispatcher.purge(endedBefore: later, in: [.done], limit: 2) == 2)
    #expect(try Set(bench.store.jobs().map(\.name)) == ["a3", "a4"])
    #expect(try dispatcher.purge(endedBefore: later, in: [.done], limit: 2) == 1)
    #expect(try dispatcher.purge(endedBefore: later, in: [.rejected, .cancelled]) == 1)
    #expect(try bench.store.jobs().isEmpty)
  }

  @Test func `one that cannot be purged keeps no other`() throws {
    let bench = try Bench()
    for digits in ["a1", "a2", "a3"] { try bench.admit(digits, name: digits) }
    try bench.run()
    func purge(_ fault: Fault) throws -> Int {
      try FaultInjection.with(fault) {
        try bench.dispatcher.purge(endedBefore: Date(timeIntervalSinceNow: 60), in: [.done])
      }
    }
    #expect(throws: IntrayError.self) { try purge(Fault(.rename, at: 1, andLater: true, .fail(EIO))) }
    #expect(try purge(Fault(.rename, at: 1, .fail(EIO))) == 2)
    #expect(try bench.store.jobs().map(\.name) == ["a1"])
    #expect(try Files.list(bench.outbox) == ["a1"])
  }
}
