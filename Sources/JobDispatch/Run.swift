import IntrayCore
import JobStore
import WorkerLink

/// A job that has a worker.
final class Run {
  typealias Instant = SuspendingClock.Instant

  var record: JobRecord
  let log: JobLog
  let limits: JobLimits
  var worker: WorkerProcess?
  var progress: JobProgress?
  var firstProgress: (fraction: Double, time: Instant)?
  var progressTimer: EventLoop.Timer?
  /// The bytes that its plan may come to, when the worker plans it first.
  var allowance: Int?
  var isCancelled = false
  /// A person wants it to wait: it was asked to stop, and does not go on by itself.
  var isToBeHeld = false
  /// Why Intray ended the attempt, when that was no person's wish.
  var verdict: IntrayError?
  let began = Instant.now
  var ended: Instant?
  /// When the worker last said something.
  var lastSign = Instant.now
  /// When it was killed.
  var killed: Instant?
  /// What watches over its limits.
  var guards: [EventLoop.Timer] = []
  /// In which earlier attempts ran.
  let secondsBefore: Double

  init(_ record: JobRecord, log: JobLog, limits: JobLimits) {
    self.record = record
    self.log = log
    self.limits = limits
    secondsBefore = record.runningSeconds
  }

  /// In which this attempt ran.
  var seconds: Double { ((ended ?? .now) - began).seconds }

  /// Whether nobody knows yet what memory it takes.
  var isUnplanned: Bool { allowance != nil && record.plannedMemory == nil }

  var isTooLarge: Bool { allowance.map { (record.plannedMemory ?? 0) > $0 } ?? false }
}

/// A job that has a worker, as people want to see it.
public struct RunningJob: Sendable {
  public let job: JobRecord
  public let progress: JobProgress?
  /// What is left, if it goes on as fast as since its first progress; nil while that says nothing.
  public let secondsLeft: Double?

  init(_ run: Run) {
    job = run.record
    progress = run.progress
    guard let first = run.firstProgress, let progress = run.progress else {
      secondsLeft = nil
      return
    }
    let (gained, seconds) = (progress.fraction - first.fraction, (SuspendingClock.now - first.time).seconds)
    secondsLeft = gained > 0.001 && seconds > 1 ? seconds / gained * (1 - progress.fraction) : nil
  }
}
