import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox
import PluginHost
import WorkerLink

/// Brings every job from the queue to its end: starts workers, decides on retries, publishes, files rejections away.
///
/// (1) The store is written before the disk follows, and every step on disk can be repeated: after a crash `recover`
///     finishes what was begun.
/// (2) A job has at most one worker, at most `slots` jobs have one, and together they are planned to take no more than
///     `memory`.
/// (3) No error of the disk or the store ends the service or loses a job: the step is repeated until it succeeds.
/// (4) A death of the host is no fault of the job: the attempt does not count.
/// (5) A worker that exceeds its job's limits, or says nothing for the time `stall`, is ended.
/// (6) The end of a job is told at least once: its work folder stays until then, and `recover` tells the end of each job
///     that still has one.
public final class Dispatcher {
  public struct Settings {
    /// Jobs at a time.
    public var slots: Int
    /// Compute threads of a job.
    public var threads: Int
    public var retries: RetryPolicy
    /// The path of `intray-worker`.
    public var worker: String
    /// How long workers may take to save their state when they are asked to stop.
    public var stopGrace: Duration
    /// Bytes that all jobs together may be planned to take. Nil: they run without a plan.
    public var memory: Int?
    /// Of each job, beside its own.
    public var limits: JobLimits
    /// How long a worker may say nothing. Nil: for ever.
    public var stall: Duration?
    /// Bytes of free space in the state folder and the outbox, without which no job begins.
    public var diskFloor: Int

    public init(
      slots: Int = 1, threads: Int = 1, retries: RetryPolicy = RetryPolicy(), worker: String,
      stopGrace: Duration = .seconds(60), memory: Int? = nil, limits: JobLimits = JobLimits(), stall: Duration? = nil,
      diskFloor: Int = 0
    ) {
      self.slots = slots
      self.threads = threads
      self.retries = retries
      self.worker = worker
      self.stopGrace = stopGrace
      self.memory = memory
      self.limits = limits
      self.stall = stall
      self.diskFloor = diskFloor
    }
  }

  /// Where things lie.
  public struct Places {
    public var state: StateFolder
    public var outbox: Outbox
    /// Nil for work in the foreground: the dropped files are the user's own copies, and nothing is filed away.
    public var rejections: Rejections?
    /// Where a retried batch goes.
    public var inbox: String

    public init(state: StateFolder, outbox: Outbox, rejections: Rejections?, inbox: String) {
      self.state = state
      self.outbox = outbox
      self.rejections = rejections
      self.inbox = inbox
    }
  }

  public var settings: Settings {
    didSet { fill() }
  }
  let store: JobStore
  let places: Places
  let catalog: PluginCatalog
  let loop: EventLoop
  let tell: (JobRecord, JobEvent) -> Void
  private let complain: (IntrayError) -> Void
  private(set) var runs: [JobID: Run] = [:]
  private var whenStopped: (() -> Void)?
  /// Why queued jobs do not start though slots are free; nil when nothing keeps them.
  public internal(set) var obstacle: Obstacle? {
    didSet { if obstacle?.cause != oldValue?.cause { onObstacle(obstacle) } }
  }
  /// Gets each change of the obstacle's cause.
  public var onObstacle: (Obstacle?) -> Void = { _ in }
  /// Nothing starts until a person lifts it.
  public internal(set) var isHeld = false
  var obstacleTimer: EventLoop.Timer?

  /// The repetition of a step that the disk refused.
  static let repetition = Duration.seconds(5)
  /// At most one progress of a job per this time reaches the store.
  private static let progressInterval = Duration.seconds(1)

  /// - Parameters:
  ///   - complain: Gets an error that concerns no single job: the store cannot be read or written. It is tried again.
  ///   - tell: Gets what happens to each job.
  public init(
    store: JobStore, places: Places, catalog: PluginCatalog, loop: EventLoop, settings: Settings,
    complain: @escaping (IntrayError) -> Void, tell: @escaping (JobRecord, JobEvent) -> Void
  ) {
    self.store = store
    self.places = places
    self.catalog = catalog
    self.loop = loop
    self.settings = settings
    self.tell = tell
    self.complain = complain
  }

  /// The jobs that have a worker, in the order of their arrival.
  public var running: [RunningJob] { runs.values.map(RunningJob.init).sorted { $0.job.number < $1.job.number } }

  public var isStopping: Bool { whenStopped != nil }

  // MARK: - Attempts

  /// Starts queued jobs while slots are free.
  public func fill() {
    guard !isStopping else { return }
    do {
      while runs.count < settings.slots, let record = try store.firstQueued() {
        obstacle = try obstacle(to: record)
        guard obstacle == nil else { return lookAgain() }
        try start(record)
      }
      if runs.count < settings.slots { obstacle = isHeld ? .held : nil }
    } catch {
      complain(IntrayError(error))
      loop.after(Self.repetition) { [weak self] in self?.fill() }
    }
  }

  private func start(_ queued: JobRecord) throws {
    let isFirst = queued.attempts == 0
    // Before the attempt begins: what the disk refuses the host costs none.
    let work = places.state.work(queued.id)
    for folder in [work.out, work.checkpoint, places.outbox.models] { try Files.makeFolder(folder) }
    let record = try store.move(queued.id, to: .running) {
      $0.attempts += 1
      $0.attemptsWithoutProgress += 1
      $0.nextAttempt = nil
      if $0.started == nil { $0.started = Date() }
    }
    let run = Run(
      record, log: JobLog(places.state.work(record.id).log),
      limits: (record.spec?.limits ?? JobLimits()).capped(by: settings.limits))
    // The worker plans first, and stops by itself when that comes to more. A plan of an earlier attempt is good enough
    // when it fits.
    let allowance = freeMemory.map { min($0, run.limits.memory ?? .max) }
    if let allowance, record.plannedMemory.map({ $0 > allowance }) ?? true { run.allowance = allowance }
    runs[record.id] = run
    tell(record, isFirst ? .started : .resumed)
    run.log.write(LogLine(level: .notice, message: "attempt \(record.attempts) begins"))
    do {
      run.worker = try WorkerProcess.start(
        try task(record, memory: run.allowance), worker: settings.worker, on: loop,
        onMessage: { [weak self] in self?.take($0, from: run) },
        onExit: { [weak self] in self?.attemptEnded(run, $0) })
      guardLimits(of: run)
    } catch {
      // In a turn of its own: a queue full of such jobs must not pile up calls.
      loop.after(.zero) { [weak self] in self?.attemptEnded(run, .failed(IntrayError(error))) }
    }
  }

  private func task(_ record: JobRecord, memory: Int?) throws -> WorkerTask {
    guard let spec = record.spec else { throw IntrayError(.bug, "job \(record.id) has no spec") }
    let runner = try catalog.runner(named: spec.run)
    let work = places.state.work(record.id)
    return WorkerTask(
      plugin: runner.path, spec: spec, inputFolder: work.batch, outputFolder: work.out, workFolder: work.checkpoint,
      modelsFolder: places.outbox.models, attempt: record.attempts, threads: settings.threads,
      memory: memory)
  }

  private func take(_ message: WorkerMessage, from run: Run) {
    run.lastSign = .now
    switch message {
    case .started(let runner, let version):
      run.log.write(LogLine(level: .info, message: "runner \(runner) \(version) is loaded"))
    case .planned(let bytes, let seconds): planned(run, bytes: bytes, seconds: seconds)
    case .log(let line):
      run.log.write(line)
      tell(run.record, .log(line))
    case .progress(let report):
      let progress = JobProgress(done: report.done, total: report.total, metrics: report.metrics)
      run.progress = progress
      if run.firstProgress == nil { run.firstProgress = (progress.fraction, .now) }
      tell(run.record, .progress(progress))
      noteProgress(run)
    case .checkpointSaved:
      insist(run.record) { [self] in
        run.record = try store.update(run.record.id) {
          $0.attemptsWithoutProgress = 0
          $0.progress = run.progress ?? $0.progress
        }
      }
    case .finished, .stopped, .failed: break
    }
  }

  /// Writes the newest progress to the store, not more often than `progressInterval`.
  private func noteProgress(_ run: Run) {
    guard run.progressTimer?.isPending != true else { return }
    run.progressTimer = loop.after(run.progressTimer == nil ? .zero : Self.progressInterval) { [weak self] in
      guard let self, runs[run.record.id] === run, let progress = run.progress else { return }
      // A progress that is not written is overtaken by the next one.
      if let record = try? store.update(run.record.id, { $0.progress = progress }) { run.record = record }
    }
  }

  private func attemptEnded(_ run: Run, _ exit: WorkerExit) {
    run.progressTimer?.cancel()
    run.guards.forEach { $0.cancel() }
    run.ended = .now
    let end = End(exit, of: run, isStopping: isStopping)
    run.log.write(end.line)
    insist(run.record) { [self] in
      let id = run.record.id
      let current = try store.update(id) {
        $0.progress = run.progress ?? $0.progress
        $0.runningSeconds = run.secondsBefore + run.seconds
      }
      switch end {
      case .finished:
        let record = try store.move(id, to: .publishing) {
          $0.finished = Date()
          $0.error = nil
          $0.folder = nil
        }
        release(run)
        place(record)
      case .stopped:
        let record = try store.move(id, to: .queued) {
          $0.attemptsWithoutProgress = max(0, $0.attemptsWithoutProgress - 1)
          if run.isToBeHeld { $0.isHeld = true }
        }
        release(run)
        tell(record, run.isToBeHeld ? .held : .stopped)
      case .doesNotFit:
        let record = try store.move(id, to: .queued) {
          // It has not begun.
          $0.attempts -= 1
          $0.attemptsWithoutProgress = max(0, $0.attemptsWithoutProgress - 1)
          if $0.attempts == 0 { $0.started = nil }
        }
        release(run)
        tell(record, .doesNotFit(bytes: record.plannedMemory ?? 0))
      case .cancelled:
        let record = try store.move(id, to: .cancelled) { $0.cancel() }
        release(run)
        place(record)
      case .failed(let error):
        try failed(current, run, error)
      }
      fill()
    }
  }

  private func failed(_ record: JobRecord, _ run: Run, _ error: IntrayError) throws {
    let decision = settings.retries.decide(error, attemptsWithoutProgress: record.attemptsWithoutProgress)
    switch decision {
    case .reject:
      let record = try store.move(record.id, to: .rejected) {
        $0.error = error
        $0.folder = nil
        $0.finished = Date()
      }
      release(run)
      place(record)
    case .retry(let delay):
      let record = try store.move(record.id, to: .waiting) {
        $0.error = error
        $0.nextAttempt = Date(timeIntervalSinceNow: delay.seconds)
        if run.isToBeHeld { $0.isHeld = true }
      }
      release(run)
      tell(record, .attemptFailed(error, retryIn: delay))
      wake(record, after: delay)
    }
  }

  private func release(_ run: Run) {
    runs[run.record.id] = nil
    // Its handlers hold the run.
    run.worker = nil
    if runs.isEmpty { whenStopped?() }
  }

  /// Queues a waiting job again when its time has come.
  func wake(_ record: JobRecord, after delay: Duration) {
    loop.after(delay) { [weak self] in self?.wakeNow(record) }
  }

  private func wakeNow(_ waiting: JobRecord) {
    guard !isStopping else { return }
    do {
      // Somebody may have cancelled or retried it, and it may wait again, for longer. The clock is not asked: it may
      // have been set, and timers do not follow it.
      guard let record = try store.job(waiting.id), record.state == .waiting, record.attempts == waiting.attempts
      else { return }
      try store.move(record.id, to: .queued)
      fill()
    } catch {
      complain(IntrayError(error))
      wake(waiting, after: Self.repetition)
    }
  }

  // MARK: - A person's orders

  /// Ends a job. Its files go to the rejected ones, so that it can be retried.
  ///
  /// - Throws: `IntrayError(.usage)` when it has come to its end already.
  public func cancel(_ id: JobID) throws {
    guard let record = try store.job(id) else { throw IntrayError(.missing, "no job \(id)") }
    switch record.state {
    case .queued, .waiting:
      place(try store.move(id, to: .cancelled) { $0.cancel() })
    case .running:
      guard let run = runs[id] else { throw IntrayError(.bug, "job \(id) runs without a worker") }
      run.isCancelled = true
      kill(run)
    case .publishing: throw IntrayError(.usage, "job \(id) has run and is being published")
    case .done, .rejected, .cancelled: throw IntrayError(.usage, "job \(id) is \(record.state.rawValue) already")
    }
  }

  /// Tries again at once: a waiting job without waiting, a rejected or cancelled batch by dropping it into the inbox.
  ///
  /// - Returns: what was done, for the person.
  public func retry(_ id: JobID) throws -> String {
    guard let record = try store.job(id) else { throw IntrayError(.missing, "no job \(id)") }
    switch record.state {
    case .waiting:
      try store.move(id, to: .queued)
      fill()
      return "job \(id) is in the queue"
    case .publishing:
      place(record)
      return "job \(id) is published"
    case .rejected, .cancelled:
      guard let rejections = places.rejections, let folder = record.folder else {
        throw IntrayError(
          .unavailable, "the files of job \(id) are still being filed away", hint: "try again in a few seconds")
      }
      let path = try rejections.giveBack(folder, name: record.name, to: places.inbox)
      try store.remove(id)
      return "\(record.name) is in the inbox again, as \(path)"
    case .queued, .running: throw IntrayError(.usage, "job \(id) is \(record.state.rawValue)")
    case .done:
      throw IntrayError(.usage, "job \(id) is done", hint: "`force: true` in its spec runs it again")
    }
  }

  /// Asks all workers to save their state and end, kills them after the grace time, and calls `whenStopped`.
  public func stop(whenStopped: @escaping () -> Void) {
    guard !isStopping else { return }
    self.whenStopped = whenStopped
    if runs.isEmpty { return whenStopped() }
    for run in runs.values { run.worker?.requestStop() }
    loop.after(settings.stopGrace) { [weak self] in self?.kill() }
  }

  /// Ends the workers that still save their state after `stop`; their jobs go on from an older checkpoint.
  public func kill() { runs.values.forEach(kill) }

  func kill(_ run: Run) {
    run.worker?.kill()
    if run.killed == nil { run.killed = .now }
  }

  // MARK: -

  /// Does it now, or again and again until the disk lets it through. The body must be repeatable as a whole.
  func insist(_ record: JobRecord, _ body: @escaping () throws -> Void) {
    do {
      try body()
    } catch {
      tell(record, .delayed(IntrayError(error)))
      loop.after(Self.repetition) { [weak self] in self?.insist(record, body) }
    }
  }
}

/// How an attempt ended, once it is known who wanted it.
private enum End {
  case finished
  case stopped
  case cancelled
  case failed(IntrayError)
  /// The plan says that the job takes more memory than is free now.
  case doesNotFit

  init(_ exit: WorkerExit, of run: Run, isStopping: Bool) {
    switch exit {
    case .finished: self = .finished
    case _ where run.isCancelled: self = .cancelled
    case _ where run.verdict != nil: self = run.verdict.map { .failed($0) } ?? .stopped
    case .stopped where isStopping || run.isToBeHeld: self = .stopped
    case .stopped where run.isTooLarge: self = .doesNotFit
    case .stopped:
      self = .failed(IntrayError(.crashed, "the worker stopped without being asked by Intray", isTransient: true))
    // Killed after the grace time: the host's doing.
    case .failed(let error) where (isStopping || run.isToBeHeld) && error.code == .crashed: self = .stopped
    case .failed(let error): self = .failed(error)
    }
  }

  var line: LogLine {
    switch self {
    case .finished: LogLine(level: .notice, message: "the runner has finished")
    case .stopped: LogLine(level: .notice, message: "the attempt was stopped; the job goes on later")
    case .cancelled: LogLine(level: .notice, message: "cancelled")
    case .doesNotFit: LogLine(level: .notice, message: "the job waits for memory")
    case .failed(let error): LogLine(level: .error, message: "the attempt failed: \(error)")
    }
  }
}

extension JobRecord {
  fileprivate mutating func cancel() {
    error = IntrayError(.cancelled, "cancelled by `intray cancel`")
    folder = nil
    nextAttempt = nil
    finished = Date()
  }
}

extension Duration {
  var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
