import Foundation
import IntrayCore

/// What the store knows about one job.
///
/// A batch that was refused before it became a job has a record too, so that a person finds it by `intray status` and
/// `intray retry`: its `spec` is nil, its state is `rejected`, and its id is random.
public struct JobRecord: Sendable, Equatable, Codable, Identifiable {
  public let id: JobID
  /// Counts up in the order of arrival.
  public internal(set) var number: Int
  /// The name that the spec asks for; the folder in the outbox has it, or with `-2`, `-3` behind it.
  public var name: String
  public var state: JobState
  public var runner: String
  /// The runner's version when the job was admitted.
  public var version: String
  public var spec: JobSpec?
  /// The folder below `claims` that the batch was admitted from, relative to it.
  public var claim: String?

  /// Attempts begun.
  public var attempts: Int
  /// Attempts begun since the last checkpoint was saved.
  public var attemptsWithoutProgress: Int
  /// Failures to publish the result since the job finished.
  public var publishingFailures: Int
  /// When a waiting or publishing job is tried again.
  public var nextAttempt: Date?
  public var progress: JobProgress?
  /// A person wants it to wait until `intray release`.
  public var isHeld: Bool
  /// The most memory that the job's plan expects, in bytes; nil before it was planned, or when its runner cannot plan.
  public var plannedMemory: Int?
  /// In which workers ran for it, all attempts together.
  public var runningSeconds: Double

  /// Why the last attempt failed, or why the job was rejected.
  public var error: IntrayError?
  /// The absolute path of the folder in the outbox (done, publishing) or below `rejected` (rejected, cancelled).
  public var folder: String?

  public var created: Date
  /// When the first attempt began.
  public var started: Date?
  public var finished: Date?

  public init(
    id: JobID, name: String, state: JobState = .queued, runner: String, version: String = "", spec: JobSpec? = nil,
    claim: String? = nil, created: Date = Date()
  ) {
    self.id = id
    self.number = 0
    self.name = name
    self.state = state
    self.runner = runner
    self.version = version
    self.spec = spec
    self.claim = claim
    self.attempts = 0
    self.attemptsWithoutProgress = 0
    self.publishingFailures = 0
    self.isHeld = false
    self.runningSeconds = 0
    self.created = created
  }
}

/// How far an attempt has come.
public struct JobProgress: Sendable, Equatable, Codable {
  public var done: Double
  public var total: Double
  public var metrics: [String: JSONValue]

  public init(done: Double, total: Double, metrics: [String: JSONValue] = [:]) {
    self.done = done
    self.total = total
    self.metrics = metrics
  }

  /// From 0 to 1; 0 while the total is unknown.
  public var fraction: Double {
    guard total > 0, done.isFinite, total.isFinite else { return 0 }
    return min(1, max(0, done / total))
  }
}

extension JobRecord {
  /// Where the job's log lies now, whether it exists yet or not.
  public func log(in stateFolder: StateFolder) -> String {
    if state.isFinal, let folder { return "\(folder)/log.jsonl" }
    return stateFolder.work(id).log
  }
}
