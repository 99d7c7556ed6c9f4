import FileKit
import Foundation
import IntrayCore
import JobStore
import WorkerLink

/// Why queued jobs do not start.
public enum Obstacle: Sendable, Equatable {
  /// A person holds the whole queue.
  case held
  /// A folder has less than the floor of free space, in whole MiB.
  case diskFull(folder: String, freeMiB: Int, floorMiB: Int)
  /// The next job is planned to take more than the running ones leave.
  case memory(job: String, bytes: Int)
  /// A job that began before is still being planned.
  case planning

  /// What of it an operator hears once.
  var cause: String {
    switch self {
    case .held: "held"
    case .diskFull(let folder, _, _): "disk \(folder)"
    case .memory(let job, _): "memory \(job)"
    case .planning: "planning"
    }
  }

  /// Whether an operator should hear of it.
  public var isNotable: Bool {
    switch self {
    case .held, .diskFull: true
    case .memory, .planning: false
    }
  }
}

extension Obstacle: CustomStringConvertible {
  public var description: String {
    switch self {
    case .held: "held: nothing starts until `intray release`"
    case .diskFull(let folder, let free, let floor):
      "nothing starts: \(folder) has \(free) MiB of free space, and `disk_floor` wants \(floor) MiB"
    case .memory(let job, let bytes): "\(job) waits for \(bytes >> 20) MiB of memory"
    case .planning: "waiting for the plan of the job that begins"
    }
  }
}

/// What keeps a job from starting, and what ends it early.
extension Dispatcher {
  private static let diskInterval = Duration.seconds(10)
  private static let memoryInterval = Duration.seconds(1)
  /// After which a killed worker should be gone.
  private static let killPatience = Duration.seconds(60)

  // MARK: Before a job starts

  func obstacle(to record: JobRecord) throws -> Obstacle? {
    if isHeld { return .held }
    if settings.diskFloor > 0 {
      for folder in [places.state.path, places.outbox.folder] {
        let free = try Files.freeBytes(folder)
        if free < settings.diskFloor {
          return .diskFull(folder: folder, freeMiB: free >> 20, floorMiB: settings.diskFloor >> 20)
        }
      }
    }
    guard let free = freeMemory else { return nil }
    if runs.values.contains(where: \.isUnplanned) { return .planning }
    if let planned = record.plannedMemory, planned > free, !runs.isEmpty {
      return .memory(job: record.name, bytes: planned)
    }
    return nil
  }

  /// Whether as many jobs wait as may.
  public func isFull(limit: Int) throws -> Bool { try store.waitingCount() >= limit }

  /// Bytes that the running jobs leave; nil when memory does not count.
  var freeMemory: Int? {
    settings.memory.map { memory in memory - runs.values.reduce(0) { $0 + ($1.record.plannedMemory ?? 0) } }
  }

  /// The disk tells nobody when it has room again; all else that keeps a job is followed by a call of `fill`.
  func lookAgain() {
    guard case .diskFull = obstacle, obstacleTimer?.isPending != true else { return }
    obstacleTimer = loop.after(Self.diskInterval) { [weak self] in self?.fill() }
  }

  /// The worker has planned its job.
  func planned(_ run: Run, bytes: Int, seconds: Double) {
    run.log.write(
      LogLine(level: .info, message: "planned: \(bytes >> 20) MiB of memory, \(Int(seconds.rounded(.up))) s"))
    insist(run.record) { [self] in
      run.record = try store.update(run.record.id) { $0.plannedMemory = bytes }
    }
    for (limit, name, hint) in [
      (settings.memory, "all jobs together may take", "raise `memory` in the configuration"),
      (run.limits.memory, "it may take", "raise `limits` in the spec, or in the configuration"),
    ] {
      guard let limit, bytes > limit else { continue }
      run.verdict = IntrayError(
        .spec, "the job is planned to take \(bytes >> 20) MiB of memory, and \(name) \(limit >> 20) MiB",
        hint: "\(hint), or ask for less: a smaller batch_size or max_length")
      kill(run)
      return
    }
    fill()
  }

  // MARK: While it runs

  func guardLimits(of run: Run) {
    if let seconds = run.limits.seconds {
      let left = Duration.seconds(max(0, Double(seconds) - run.secondsBefore))
      run.guards.append(loop.after(left) { [weak self] in self?.timeIsUp(run, limit: seconds) })
    }
    if let stall = settings.stall { watch(run, stall, again: stall) }
    if let limit = run.limits.memory { measureLater(run, limit) }
  }

  private func timeIsUp(_ run: Run, limit: Int) {
    run.verdict = IntrayError(
      .spec, "the job ran for more than its limit of \(limit) s",
      hint: "raise `limits` in the spec, or in the configuration")
    run.worker?.requestStop()
    run.guards.append(loop.after(settings.stopGrace) { [weak self] in self?.kill(run) })
  }

  private func watch(_ run: Run, _ stall: Duration, again delay: Duration) {
    run.guards.append(
      loop.after(delay) { [weak self] in
        guard let self else { return }
        run.guards.removeAll { !$0.isPending }
        let silence = SuspendingClock.now - run.lastSign
        if silence < stall { return watch(run, stall, again: stall - silence) }
        run.verdict = IntrayError(
          .crashed, "the worker said nothing for \(Int(stall.seconds)) s and was killed",
          hint: "if it only needs more time between two reports, raise `stall` in the configuration", isTransient: true)
        kill(run)
      })
  }

  private func measure(_ run: Run, _ limit: Int) {
    if let resident = run.worker.flatMap({ Self.residentBytes($0.pid) }), resident > limit {
      run.verdict = IntrayError(
        .spec, "the job took \(resident >> 20) MiB of memory, more than its limit of \(limit >> 20) MiB",
        hint: "raise `limits` in the spec or in the configuration, or ask for less: a smaller batch_size or max_length")
      return kill(run)
    }
    measureLater(run, limit)
  }

  private func measureLater(_ run: Run, _ limit: Int) {
    run.guards.append(
      loop.after(Self.memoryInterval) { [weak self] in
        run.guards.removeAll { !$0.isPending }
        self?.measure(run, limit)
      })
  }

  /// proc(5), statm: the second number is the resident set, in pages.
  private static func residentBytes(_ pid: Int32) -> Int? {
    guard let text = try? Files.read("/proc/\(pid)/statm") else { return nil }
    let numbers = String(decoding: text, as: UTF8.self).split(separator: " ")
    return numbers.count > 1 ? Int(numbers[1]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) } : nil
  }

  /// Whether a worker that was killed is still there: then the service cannot keep its promises.
  public var isStuck: Bool {
    runs.values.contains { run in run.killed.map { SuspendingClock.now - $0 > Self.killPatience } ?? false }
  }

  // MARK: A person's orders

  /// Holds all queued jobs, or lets them go.
  public func hold(_ isHeld: Bool) {
    self.isHeld = isHeld
    fill()
  }

  /// Keeps a job from starting; one that runs saves its state first.
  ///
  /// - Returns: what was done, for the person.
  /// - Throws: `IntrayError(.usage)` for a job that has come to its end.
  public func hold(_ id: JobID) throws -> String {
    guard let record = try store.job(id) else { throw IntrayError(.missing, "no job \(id)") }
    switch record.state {
    case .queued, .waiting:
      tell(try store.update(id) { $0.isHeld = true }, .held)
      return "job \(id) is held"
    case .running:
      guard let run = runs[id] else { throw IntrayError(.bug, "job \(id) runs without a worker") }
      run.isToBeHeld = true
      run.worker?.requestStop()
      run.guards.append(loop.after(settings.stopGrace) { [weak self] in self?.kill(run) })
      return "job \(id) saves its state and is held then"
    case .publishing: throw IntrayError(.usage, "job \(id) has run and is being published")
    case .done, .rejected, .cancelled: throw IntrayError(.usage, "job \(id) is \(record.state.rawValue) already")
    }
  }

  /// - Throws: `IntrayError(.usage)` for a job that is not held.
  public func release(_ id: JobID) throws -> String {
    guard let record = try store.job(id) else { throw IntrayError(.missing, "no job \(id)") }
    guard record.isHeld else { throw IntrayError(.usage, "job \(id) is not held") }
    tell(try store.update(id) { $0.isHeld = false }, .released)
    fill()
    return "job \(id) is in the queue"
  }
}
