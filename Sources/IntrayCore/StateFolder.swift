/// Where everything lies in the daemon's state folder.
public struct StateFolder: Sendable, Equatable {
  public let path: String

  public init(_ path: String) { self.path = path }

  public var store: String { "\(path)/store.sqlite" }
  /// There while a damaged store is made anew.
  public var repair: String { "\(path)/store.repair" }
  public var controlSocket: String { "\(path)/control.sock" }
  /// Held by the daemon that owns this folder.
  public var lock: String { "\(path)/lock" }
  /// There while a person holds the queue.
  public var hold: String { "\(path)/held" }
  /// One folder per claim that is not a job yet.
  public var claims: String { "\(path)/claims" }
  /// What could not run, one folder per batch.
  public var rejected: String { "\(path)/rejected" }
  /// One folder per job under way.
  public var work: String { "\(path)/work" }
  /// The work folders of jobs that run without the daemon.
  public var foreground: String { "\(path)/foreground" }

  public func work(_ id: JobID) -> WorkFolder { WorkFolder("\(work)/\(id)") }
}

/// A job's own folder while it is under way.
public struct WorkFolder: Sendable, Equatable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// The dropped files.
  public var batch: String { "\(path)/batch" }
  /// What an attempt makes; published when it succeeds.
  public var out: String { "\(path)/out" }
  /// Survives attempts.
  public var checkpoint: String { "\(path)/checkpoint" }
  public var log: String { "\(path)/log.jsonl" }
  /// The job as it was admitted, for a store that has to be made anew; as it ended, in a folder of the rejected ones.
  public var record: String { "\(path)/\(Self.recordName)" }
  public static let recordName = "job.json"
}
