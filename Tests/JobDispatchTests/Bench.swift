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

/// A dispatcher with real workers and the Echo runner, on a loop of its own.
final class Bench {
  let folder: TemporaryFolder
  let state: StateFolder
  let store: JobStore
  let loop = EventLoop()
  let dispatcher: Dispatcher
  private(set) var events: [(JobID, JobEvent)] = []
  var onEvent: (JobRecord, JobEvent) -> Void = { _, _ in }
  var outbox: String { "\(folder.path)/outbox" }
  var inbox: String { "\(folder.path)/inbox" }

  init(
    in folder: TemporaryFolder? = nil, slots: Int = 1, retries: RetryPolicy = RetryPolicy(backoff: .milliseconds(5)),
    plugins: String = Checkout.products, change: (inout Dispatcher.Settings) -> Void = { _ in }
  ) throws {
    let folder = try folder ?? TemporaryFolder(isSmall: true)
    self.folder = folder
    state = StateFolder("\(folder.path)/state")
    for path in [state.work, state.claims, "\(folder.path)/inbox"] { try Files.makeFolder(path) }
    store = try JobStore(state.store)
    let worker = "\(Checkout.products)/intray-worker"
    var settings = Dispatcher.Settings(slots: slots, retries: retries, worker: worker, stopGrace: .seconds(20))
    change(&settings)
    var tell: (JobRecord, JobEvent) -> Void = { _, _ in }
    dispatcher = Dispatcher(
      store: store,
      places: .init(
        state: state, outbox: Outbox(folder: "\(folder.path)/outbox", models: "\(state.path)/models"),
        rejections: Rejections(folder: state.rejected), inbox: "\(folder.path)/inbox"),
      catalog: PluginCatalog(folder: plugins, worker: worker), loop: loop,
      settings: settings,
      complain: { Issue.record("\($0)") }, tell: { tell($0, $1) })
    tell = { [unowned self] in
      events.append(($0.id, $1))
      onEvent($0, $1)
    }
  }

  /// Puts a batch into `claims` and admits it.
  @discardableResult func admit(
    _ digits: String = "aa", name: String = "papers", force: Bool = false, run: String = "echo",
    with: [String: JSONValue] = [:], priority: Int = 0, limits: JobLimits = JobLimits()
  ) throws -> Dispatcher.Admission {
    let claim = "claim-\(digits)-\(UInt32.random(in: 0...UInt32.max))"
    try folder.write("id\n1\n", to: "state/claims/\(claim)/a.csv")
    let parameters: [String: JSONValue] = ["repeat": 1, "delay_ms": 0, "fail": "none"]
    let spec = JobSpec(
      name: name, run: run, data: JobData(files: ["input": DataFile(path: "a.csv")]),
      with: parameters.merging(with) { $1 }, force: force, priority: priority, limits: limits)
    return try dispatcher.admit(id: try Self.id(digits), spec: spec, version: "1.0.0", claim: claim)
  }

  static func id(_ digits: String) throws -> JobID {
    try #require(JobID(rawValue: String(repeating: "0", count: 16 - digits.count) + digits))
  }

  /// Runs the loop until all jobs have come to their end, or `isDone` says so.
  func run(until isDone: ((JobRecord, JobEvent) -> Bool)? = nil) throws {
    let limit = loop.after(.seconds(60)) { throw IntrayError(.bug, "the test takes too long") }
    defer {
      limit.cancel()
      // The handler holds this bench, and with it the folder.
      onEvent = { _, _ in }
    }
    var isOver = false
    onEvent = { [self] record, event in
      let over =
        isDone?(record, event) ?? ((try? store.jobs().allSatisfy { $0.state.isFinal && $0.folder != nil }) ?? false)
      if over {
        isOver = true
        loop.stop()
      }
    }
    if isDone == nil, try store.jobs().allSatisfy({ $0.state.isFinal && $0.folder != nil }) { return }
    try loop.run()
    #expect(isOver)
  }

  func record(_ digits: String = "aa") throws -> JobRecord { try #require(try store.job(Self.id(digits))) }

  /// The names of the events of all jobs.
  var story: [String] {
    events.compactMap { _, event in
      switch event {
      case .queued: "queued"
      case .started: "started"
      case .resumed: "resumed"
      case .log, .progress: nil
      case .attemptFailed: "failed"
      case .stopped: "stopped"
      case .held: "held"
      case .released: "released"
      case .doesNotFit: "does not fit"
      case .publishingFailed: "publishing failed"
      case .done: "done"
      case .rejected: "rejected"
      case .cancelled: "cancelled"
      case .delayed: "delayed"
      }
    }
  }

  /// Nothing is left behind of jobs that have come to their end.
  func expectTidy() throws {
    #expect(try Files.list(state.work) == [])
    #expect(try Files.list(state.claims) == [])
    #expect(try Files.list(outbox).filter { $0.hasPrefix(".") } == [])
    #expect(try Files.list(state.rejected).filter { $0.hasPrefix(".") } == [])
  }
}
