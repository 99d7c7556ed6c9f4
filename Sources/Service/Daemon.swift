import FileKit
import Foundation
import Intake
import IntrayCore
import ModelStore
import JobDispatch
import JobStore
import Logging
import Outbox
import PluginHost
import SpecFile
import WorkerLink

/// The service: everything on one event loop.
///
/// (1) One daemon owns a state folder, and holds its lock.
/// (2) SIGTERM and SIGINT end it in order: workers save their state, the jobs stay in the queue.
/// (3) A damaged job store is made anew at the start (`StoreRepair`); one that is found damaged later ends the daemon
///     with an error, so that the service manager starts it again.
/// (4) SIGHUP reads the configuration again; one with a fault changes nothing.
/// (5) systemd's watchdog hears of it only while the event loop turns and every worker that was to end has ended.
public final class Daemon {
  private var configuration: Configuration
  private let reread: () throws -> Configuration
  private let logger: Logger
  private let worker: String
  private let loop = EventLoop()

  /// - Parameters:
  ///   - reread: Reads the configuration again, for SIGHUP.
  ///   - worker: The path of `intray-worker`.
  public init(
    configuration: Configuration, reread: @escaping () throws -> Configuration, logger: Logger, worker: String
  ) {
    self.configuration = configuration
    self.reread = reread
    self.logger = logger
    self.worker = worker
  }

  /// Works until a signal ends it. To be called on the main thread, before there are others.
  ///
  /// - Throws: `IntrayError` when the service cannot start, or can go on no more.
  public func run() throws {
    // Before anything starts a thread: signalfd wants them blocked everywhere.
    signal(SIGPIPE, SIG_IGN)
    var stop: () -> Void = { [loop] in loop.stop() }
    var reload: () -> Void = {}
    for number in [SIGTERM, SIGINT] { try loop.onSignal(number) { stop() } }
    try loop.onSignal(SIGHUP) { reload() }

    let state = StateFolder(configuration.state)
    try prepareFolders(state)
    guard let lock = try FileLock(state.lock) else {
      throw IntrayError(
        .unavailable, "another intrayd runs with this state folder", at: .init(state.path),
        hint: "stop it, or give this one its own `state`")
    }
    try withExtendedLifetime(lock) {
      let parts = try Parts(
        configuration, state: state, worker: worker, loop: loop, story: JobStory(logger: logger))
      if let report = parts.repair {
        logger.error(
          """
          \(report.damage.message): it is kept as \(report.kept), and a new one is made from the disk: \
          \(report.done) done, \(report.rejected) rejected or cancelled, \(report.queued) go on
          """)
      }
      stop = { [unowned self] in self.stop(parts) }
      reload = { [unowned self] in self.reload(parts) }
      try serve(parts, state)
    }
  }

  private func serve(_ parts: Parts, _ state: StateFolder) throws {
    try parts.dispatcher.recover()
    parts.reception.start()
    let control = try ControlSocket(state.controlSocket, on: loop) { try parts.answer($0) }
    keepAlive(parts)
    ServiceManager.ready(status: parts.status)
    keepStatus(parts)
    RetentionSweep(loop: loop, logger: logger, rules: { [unowned self] in configuration.retention }) {
      try parts.dispatcher.purge(endedBefore: $0, in: $1)
    }.start()
    logger.notice("ready: \(configuration.inbox) is watched")
    try loop.run()
    control.close()
    logger.notice("stopped")
  }

  private func prepareFolders(_ state: StateFolder) throws {
    let folders = [
      configuration.inbox, configuration.outbox, state.path, state.claims, state.work, state.rejected,
      configuration.models,
    ]
    for folder in folders { try Files.makeFolder(folder) }
    try checkClaims(state)
    for folder in [configuration.outbox, state.path] where (folder + "/").hasPrefix(configuration.inbox + "/") {
      throw IntrayError(
        .spec, "this folder lies in the inbox \(configuration.inbox) and would be taken for a batch",
        at: .init(folder), hint: "put it elsewhere")
    }
  }

  /// A claim is a rename from the inbox into the state folder. Tried, not computed: a rename also fails between two mounts
  /// of one file system.
  private func checkClaims(_ state: StateFolder) throws {
    // One name for all starts: what a start that died has left is taken by the next one.
    let name = ".intray-claim-check"
    try Files.remove("\(state.claims)/\(name)")
    try Files.makeFolder("\(configuration.inbox)/\(name)")
    do {
      try Files.rename("\(configuration.inbox)/\(name)", to: "\(state.claims)/\(name)")
    } catch {
      try? Files.remove("\(configuration.inbox)/\(name)")
      throw IntrayError(
        .spec, "a batch in the inbox \(configuration.inbox) cannot be moved to the state folder: \(IntrayError(error))",
        at: .init(state.path), hint: "a batch is taken by a rename: put `state` on the file system of `inbox`")
    }
    try Files.remove("\(state.claims)/\(name)")
  }

  // MARK: - Signals

  private func stop(_ parts: Parts) {
    guard !parts.dispatcher.isStopping else { return }
    logger.notice("stopping: workers save their state")
    ServiceManager.stopping()
    parts.reception.stop()
    parts.dispatcher.stop { [loop] in loop.stop() }
    extendStop()
  }

  /// Until the loop ends: the dispatcher's own grace time decides how long workers may take to save their state.
  private func extendStop() {
    ServiceManager.extendTimeout(Self.stopExtension)
    loop.after(Self.stopExtension / 3) { [weak self] in self?.extendStop() }
  }

  private static let stopExtension = Duration.seconds(30)

  private func reload(_ parts: Parts) {
    ServiceManager.reloading()
    do {
      let new = try reread()
      let folders = [\Configuration.inbox, \.outbox, \.state, \.plugins]
      if folders.contains(where: { new[keyPath: $0] != configuration[keyPath: $0] }) {
        logger.warning("a changed folder takes effect at the next start")
      }
      configuration.retention = new.retention
      parts.dispatcher.settings = Parts.settings(new, worker: worker)
      parts.reception.queueLimit = new.queue
      parts.reception.setRules(Parts.rules(new))
      logger.notice("the configuration is read again")
    } catch {
      logger.error("the configuration stays as it was: \(IntrayError(error))")
    }
    ServiceManager.ready(status: parts.status)
  }

  // MARK: - systemd

  private func keepAlive(_ parts: Parts) {
    guard let interval = ServiceManager.watchdogInterval else { return }
    if parts.dispatcher.isStuck {
      logger.critical("a killed worker does not end: systemd is left to restart the service")
    } else {
      ServiceManager.alive()
    }
    loop.after(interval) { [weak self] in self?.keepAlive(parts) }
  }

  /// Keeps `systemctl status` current.
  private func keepStatus(_ parts: Parts, shown: String = "") {
    let status = parts.status
    if status != shown, !parts.dispatcher.isStopping { ServiceManager.status(status) }
    loop.after(.seconds(1)) { [weak self] in
      if let damage = parts.store.damage { throw damage }
      self?.keepStatus(parts, shown: status)
    }
  }
}

/// What the daemon is made of.
private final class Parts {
  let store: JobStore
  /// Set when the store was damaged.
  let repair: StoreRepair.Report?
  let dispatcher: Dispatcher
  let reception: Reception
  /// There while a person holds the queue.
  private let holdMark: String

  init(
    _ configuration: Configuration, state: StateFolder, worker: String, loop: EventLoop, story: JobStory
  ) throws {
    let outbox = Outbox(folder: configuration.outbox, models: configuration.models)
    (store, repair) = try StoreRepair(state: state, outbox: outbox).open()
    let catalog = PluginCatalog(folder: configuration.plugins, worker: worker)
    let places = Dispatcher.Places(
      state: state, outbox: outbox,
      rejections: Rejections(folder: state.rejected), inbox: configuration.inbox)
    dispatcher = Dispatcher(
      store: store, places: places, catalog: catalog, loop: loop,
      settings: Self.settings(configuration, worker: worker),
      complain: { story.logger.error("\($0); tried again in a few seconds") }, tell: story.tell)
    holdMark = state.hold
    dispatcher.onObstacle = { obstacle in
      if let obstacle, obstacle.isNotable { story.logger.warning("\(obstacle)") }
    }
    if try Files.status(holdMark) != nil { dispatcher.hold(true) }
    reception = try Reception(
      loop: loop, inbox: Inbox(folder: configuration.inbox, rules: Self.rules(configuration)),
      claims: Claims(folder: state.claims, inbox: configuration.inbox),
      dispatcher: dispatcher, catalog: catalog, models: ModelStore(configuration.models),
      queueLimit: configuration.queue, story: story)
  }

  static func settings(_ configuration: Configuration, worker: String) -> Dispatcher.Settings {
    Dispatcher.Settings(
      slots: configuration.slots, threads: configuration.threads,
      retries: RetryPolicy(attempts: configuration.attempts, backoff: configuration.backoff), worker: worker,
      stopGrace: .seconds(300), memory: configuration.memory ?? MachineMemory.bytes / 10 * 9,
      limits: configuration.limits, stall: configuration.stall, diskFloor: configuration.diskFloor)
  }

  static func rules(_ configuration: Configuration) -> Inbox.Rules {
    Inbox.Rules(settle: configuration.settle, wait: configuration.wait, routes: configuration.routes)
  }

  /// Does what a person asks for.
  func answer(_ request: ControlRequest) throws -> String {
    func job() throws -> JobRecord {
      guard let text = request.job else {
        throw IntrayError(.usage, "'\(request.verb.rawValue)' needs a job", hint: "`intray status` lists them")
      }
      return try store.job(matching: text)
    }
    switch request.verb {
    case .ping: return "intrayd is running (process \(getpid()))"
    case .cancel:
      let job = try job()
      try dispatcher.cancel(job.id)
      return "job \(job.id) (\(job.name)) is cancelled"
    case .retry: return try dispatcher.retry(try job().id)
    case .hold:
      if request.job != nil { return try dispatcher.hold(try job().id) }
      try Files.publish(Data(), to: holdMark)
      dispatcher.hold(true)
      return "nothing starts until `intray release`; what runs goes on"
    case .release:
      if request.job != nil { return try dispatcher.release(try job().id) }
      try Files.remove(holdMark)
      dispatcher.hold(false)
      return "jobs start again"
    case .purge: return try dispatcher.purge(try job().id)
    }
  }

  /// One line about what is going on.
  var status: String {
    var texts = dispatcher.running.map { running in
      guard let progress = running.progress else { return "\(running.job.name) begins" }
      let left = running.secondsLeft.map { seconds in
        let time = Duration.seconds(seconds.rounded(.up)).formatted(
          .units(allowed: [.days, .hours, .minutes, .seconds], width: .narrow, maximumUnitCount: 2))
        return ", \(time) left"
      }
      return "\(running.job.name) \(Int(progress.fraction * 100))%\(JobStory.words(progress.metrics))\(left ?? "")"
    }
    let counts = (try? store.counts()) ?? [:]
    for state in [JobState.queued, .waiting, .publishing] {
      if let count = counts[state], count > 0 { texts.append("\(count) \(state.rawValue)") }
    }
    if let obstacle = dispatcher.obstacle { texts.append("\(obstacle)") }
    if reception.isFull { texts.append("the queue is full: the rest stays in the inbox") }
    return texts.isEmpty ? "idle" : texts.joined(separator: "; ")
  }
}
