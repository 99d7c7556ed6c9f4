import FileKit
import Foundation
import Intake
import IntrayCore
import ModelStore
import JobDispatch
import JobStore
import Outbox
import PluginHost
import SpecFile
import WorkerLink

/// One job without the daemon, in the foreground: the same checks, the same worker, the same result folder.
///
/// (1) The spec and its files stay where they are; the job works on copies.
/// (2) A run that was stopped, or whose machine went down, goes on from its checkpoint when it is run again.
/// (3) The same job is not run twice: an intact result in the outbox is the answer, unless the spec says `force`.
///
/// ```swift
/// let run = try ForegroundRun(spec: "papers.yaml", configuration: .read(nil))
/// print(try run.run { event in print(event) }.folder)
/// ```
public final class ForegroundRun {
  public enum Event: Sendable {
    /// An attempt begins, from 1.
    case started(attempt: Int)
    case log(LogLine)
    case progress(JobProgress)
    /// The attempt failed; there will be another.
    case attemptFailed(IntrayError, retryIn: Duration)
    /// The disk refuses a step; it will be repeated.
    case delayed(IntrayError)
  }

  public struct Result: Sendable, Equatable {
    /// The absolute path of the result folder.
    public var folder: String
    /// Whether it was there before.
    public var isEarlier: Bool

    public init(folder: String, isEarlier: Bool) {
      self.folder = folder
      self.isEarlier = isEarlier
    }
  }

  private let specFolder: String
  private let specName: String
  private let configuration: Configuration
  private let outbox: String
  private let worker: String
  private let signals: [Int32]
  private let loop = EventLoop()
  private var dispatcher: Dispatcher?
  private var isStopped = false

  /// - Parameters:
  ///   - path: The spec's file; its data files lie beside it.
  ///   - outbox: Where the result folder goes; the configuration's outbox when nil.
  ///   - worker: The path of `intray-worker`; the one beside the running program when nil.
  ///   - stopOn: Signals that stop the run with its state saved. The second one ends it at once.
  public init(
    spec path: String, configuration: Configuration, outbox: String? = nil, worker: String? = nil,
    stopOn signals: [Int32] = [SIGINT, SIGTERM]
  ) throws {
    let current = FileManager.default.currentDirectoryPath
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(current)/\(path)" }
    specFolder = Files.parent(of: absolute(path))
    specName = URL(fileURLWithPath: path).lastPathComponent
    self.configuration = configuration
    self.outbox = absolute(outbox ?? configuration.outbox)
    self.worker = try worker ?? Programs.worker()
    self.signals = signals
  }

  /// Runs the job to its end. To be called on the main thread, before there are others.
  ///
  /// - Throws: the job's error; `IntrayError(.cancelled)` when it was stopped.
  public func run(onEvent: @escaping (Event) -> Void) throws -> Result {
    signal(SIGPIPE, SIG_IGN)
    for number in signals { try loop.onSignal(number) { [unowned self] in stop() } }
    let catalog = PluginCatalog(folder: configuration.plugins, worker: worker)
    let job = try check(with: catalog)
    let outbox = Outbox(folder: self.outbox, models: configuration.models)
    if !job.spec.force, let folder = try outbox.result(of: job.id, name: job.spec.name) {
      return Result(folder: folder, isEarlier: true)
    }
    let state = StateFolder(StateFolder(configuration.state).foreground)
    let work = state.work(job.id)
    try Files.makeFolder(work.path)
    guard let lock = try FileLock("\(work.path)/lock") else {
      throw IntrayError(
        .unavailable, "this job is being run by another `intray run`", at: .init(specName), hint: "wait for its end")
    }
    return try withExtendedLifetime(lock) {
      try copyBatch(job.spec, to: work)
      let places = Dispatcher.Places(state: state, outbox: outbox, rejections: nil, inbox: "")
      return try dispatch(job, places, catalog, onEvent)
    }
  }

  /// Has the runner say what the job would take. Nothing is run, and nothing is left behind.
  ///
  /// - Throws: the error that the job would fail with, as far as the runner can see it beforehand;
  ///   `IntrayError(.unavailable)` when the runner cannot plan.
  public func plan(onLog: @escaping (LogLine) -> Void) throws -> (job: CheckedBatch, plan: JobPlan) {
    signal(SIGPIPE, SIG_IGN)
    let catalog = PluginCatalog(folder: configuration.plugins, worker: worker)
    let job = try check(with: catalog)
    let place = "\(NSTemporaryDirectory())/intray-plan-\(UUID().uuidString)"
    defer { try? Files.remove(place) }
    // A missing model store is an empty one.
    let models = try Files.status(configuration.models) == nil ? "\(place)/models" : configuration.models
    for name in ["out", "work", "models"] { try Files.makeFolder("\(place)/\(name)") }
    let task = WorkerTask(
      plugin: try catalog.runner(named: job.spec.run).path, spec: job.spec, inputFolder: specFolder,
      outputFolder: "\(place)/out", workFolder: "\(place)/work", modelsFolder: models, attempt: 1,
      threads: configuration.threads)
    var exit: WorkerExit?
    let planning = try WorkerProcess.start(
      task, to: .plan, worker: worker, on: loop,
      onMessage: { if case .log(let line) = $0 { onLog(line) } },
      onExit: { [loop] in
        exit = $0
        loop.stop()
      })
    // Nothing needs to be saved.
    for number in signals {
      try loop.onSignal(number) { [unowned self] in
        isStopped = true
        planning.kill()
      }
    }
    try loop.run()
    switch exit {
    case .finished where !isStopped: return (job, try JobPlan.read(from: task.outputFolder))
    case .failed(let error) where !isStopped: throw error
    case _ where isStopped, .stopped: throw IntrayError(.cancelled, "stopped", at: .init(specName))
    case nil, .finished, .failed: throw IntrayError(.bug, "the event loop ended before the worker")
    }
  }

  /// Stops the run: the worker saves its state. A second call kills it.
  public func stop() {
    guard let dispatcher else {
      isStopped = true
      return
    }
    if isStopped { return dispatcher.kill() }
    isStopped = true
    dispatcher.stop { [loop] in loop.stop() }
  }

  /// Checks the spec and every row of its files, as a run does first.
  public func check() throws -> CheckedBatch {
    try check(with: PluginCatalog(folder: configuration.plugins, worker: worker))
  }

  private func check(with catalog: PluginCatalog) throws -> CheckedBatch {
    let spec = "\(specFolder)/\(specName)"
    guard try Files.status(spec) != nil else { throw IntrayError(.missing, "there is no such spec", at: .init(spec)) }
    let check = BatchCheck(
      folder: specFolder, source: .spec(specName), models: ModelStore(configuration.models), refusesOtherFiles: false
    ) {
      try catalog.description(for: $0)
    }
    var job: CheckedBatch?
    while job == nil { job = try check.advance() }
    guard let job else { throw IntrayError(.bug, "a check without a result") }
    return job
  }

  private func copyBatch(_ spec: JobSpec, to work: WorkFolder) throws {
    // The id is a hash of the content: what an earlier run has copied is the same.
    guard try Files.status(work.batch) == nil else { return }
    let copies = "\(work.path)/.batch"
    try Files.remove(copies)
    try Files.makeFolder(copies)
    for name in Set(spec.data.files.values.map(\.path)).union([specName]) {
      try Files.copy("\(specFolder)/\(name)", to: "\(copies)/\(name)")
    }
    try Files.rename(copies, to: work.batch)
  }

  private func dispatch(
    _ job: CheckedBatch, _ places: Dispatcher.Places, _ catalog: PluginCatalog, _ onEvent: @escaping (Event) -> Void
  ) throws -> Result {
    var folder: String?
    var failure: IntrayError?
    let settings = Dispatcher.Settings(
      slots: 1, threads: configuration.threads,
      retries: RetryPolicy(attempts: configuration.attempts, backoff: configuration.backoff), worker: worker)
    let dispatcher = Dispatcher(
      store: try .inMemory(), places: places, catalog: catalog, loop: loop, settings: settings,
      complain: { onEvent(.delayed($0)) }
    ) { [loop] record, event in
      switch event {
      case .queued, .stopped, .held, .released, .doesNotFit: break
      case .started, .resumed: onEvent(.started(attempt: record.attempts))
      case .log(let line): onEvent(.log(line))
      case .progress(let progress): onEvent(.progress(progress))
      case .attemptFailed(let error, let delay): onEvent(.attemptFailed(error, retryIn: delay))
      case .publishingFailed(let error, _), .delayed(let error): onEvent(.delayed(error))
      case .done(let path):
        folder = path
        loop.stop()
      case .rejected(let error, _):
        failure = error
        loop.stop()
      case .cancelled: loop.stop()
      }
    }
    self.dispatcher = dispatcher
    defer { self.dispatcher = nil }
    _ = try dispatcher.admit(id: job.id, spec: job.spec, version: job.version, claim: nil)
    if folder == nil, failure == nil { try loop.run() }
    if let failure { throw failure }
    guard let folder else {
      throw IntrayError(.cancelled, "stopped", at: .init(specName), hint: "the same command goes on where it was")
    }
    return Result(folder: folder, isEarlier: false)
  }
}
