/// A job's name among all jobs: 16 hex digits of the SHA-256 over resolved spec, data and plugin version. A forced
/// repetition gets `-2`, `-3` ... behind it.
public struct JobID: Sendable, Hashable, Codable, RawRepresentable, CustomStringConvertible {
  public let rawValue: String

  public init?(rawValue: String) {
    let allowed = rawValue.utf8.allSatisfy {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        || $0 == UInt8(ascii: "-")
    }
    guard allowed, rawValue.utf8.count >= 16, rawValue.utf8.count <= 32 else { return nil }
    self.rawValue = rawValue
  }

  public var description: String { rawValue }
}

/// Where a job is on its way. The work folder and the outbox follow this, never the other way round.
///
///     queued --> running --> publishing --> done
///       ^  ^        |  |
///       |  +--------+  +--> rejected      (permanent error, or no attempt left)
///     waiting <-----+                     (transient error: back-off)
///
/// `cancelled` is reached from every state but `publishing`, `done` and `rejected`.
public enum JobState: String, Sendable, Codable, CaseIterable {
  case queued
  case running
  case waiting
  case publishing
  case done
  case rejected
  case cancelled

  /// Nothing more will happen by itself.
  public var isFinal: Bool {
    switch self {
    case .done, .rejected, .cancelled: true
    case .queued, .running, .waiting, .publishing: false
    }
  }

  /// Every transition, the illegal ones included.
  public func allows(_ next: JobState) -> Bool {
    switch (self, next) {
    case (.queued, .running), (.queued, .cancelled): true
    // Back to the queue: the service stopped, the worker saved its state.
    case (.running, .queued), (.running, .waiting), (.running, .publishing), (.running, .rejected),
      (.running, .cancelled):
      true
    case (.waiting, .queued), (.waiting, .cancelled): true
    // Publishing is repeated after a crash until it is complete.
    case (.publishing, .publishing), (.publishing, .done), (.publishing, .rejected): true
    // A person retries.
    case (.rejected, .queued), (.cancelled, .queued): true
    case (.queued, _), (.running, _), (.waiting, _), (.publishing, _), (.done, _), (.rejected, _), (.cancelled, _):
      false
    }
  }
}
