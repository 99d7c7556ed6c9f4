import Foundation
import IntrayCore

/// What a worker tells its host, one message per frame.
///
///     started --> planned? --> (log | progress | checkpointSaved)* --> finished | stopped | failed
///
/// `failed` may also come first: before a plugin could be loaded. Nothing follows a final message.
public enum WorkerMessage: Codable, Sendable, Equatable {
  /// The plugin is loaded and about to run.
  case started(runner: String, version: String)
  /// What the job will take. When that is more than the task's memory, `stopped` follows.
  case planned(memoryBytes: Int, seconds: Double)
  case log(LogLine)
  case progress(ProgressReport)
  /// A complete checkpoint is on disk: what comes after this attempt goes on from there.
  case checkpointSaved
  /// The result is complete in the output folder.
  case finished
  /// A stop was asked for and heeded; the state is saved in the work folder.
  case stopped
  case failed(FailureReport)

  /// Whether this is the last message of a worker.
  public var isFinal: Bool {
    switch self {
    case .started, .planned, .log, .progress, .checkpointSaved: false
    case .finished, .stopped, .failed: true
    }
  }
}

/// One line of a job's log.
public struct LogLine: Sendable, Equatable {
  /// Severity; the numbers are syslog's (RFC 5424, 6.2.1), as the journal wants them.
  public enum Level: Int, Codable, Sendable, CaseIterable {
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6
    case debug = 7

    /// The nearest level to any number that a plugin may have passed.
    public init(nearest number: Int) { self = Level(rawValue: min(max(number, 3), 7)) ?? .info }
  }

  public var time: Date
  public var level: Level
  public var message: String
  public var fields: [String: String]

  public init(time: Date = Date(), level: Level, message: String, fields: [String: String] = [:]) {
    self.time = time
    self.level = level
    self.message = message
    self.fields = fields
  }
}

/// As JSON: `{"time": "2026-11-24T10:15:30.250Z", "level": 6, "message": "...", "fields": {...}}`. It is also a line of
/// `log.jsonl`, so the time is text whatever the coder's date strategy is.
extension LogLine: Codable {
  private enum CodingKeys: String, CodingKey { case time, level, message, fields }

  private static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let text = try container.decode(String.self, forKey: .time)
    guard let time = try? Self.timeFormat.parse(text) else {
      throw DecodingError.dataCorruptedError(forKey: .time, in: container, debugDescription: "'\(text)' is not a time")
    }
    self.time = time
    level = try container.decode(Level.self, forKey: .level)
    message = try container.decode(String.self, forKey: .message)
    fields = try container.decodeIfPresent([String: String].self, forKey: .fields) ?? [:]
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(time.formatted(Self.timeFormat), forKey: .time)
    try container.encode(level, forKey: .level)
    try container.encode(message, forKey: .message)
    if !fields.isEmpty { try container.encode(fields, forKey: .fields) }
  }
}

/// How far a job is: `done` of `total` units of work, and what the runner measures on the way (loss, epoch ...).
public struct ProgressReport: Codable, Sendable, Equatable {
  public var done: Double
  public var total: Double
  public var metrics: [String: JSONValue]

  public init(done: Double, total: Double, metrics: [String: JSONValue] = [:]) {
    self.done = done
    self.total = total
    self.metrics = metrics
  }
}

/// An `IntrayError` on its way between two processes. The code stays a word: a plugin may use words of its own.
public struct FailureReport: Codable, Sendable, Equatable {
  /// Such as `data` or `data.column`.
  public var code: String
  public var message: String
  public var location: IntrayError.Location?
  public var hint: String?
  public var isTransient: Bool

  public init(code: String, message: String, hint: String? = nil, isTransient: Bool) {
    self.code = code
    self.message = message
    self.hint = hint
    self.isTransient = isTransient
  }

  public init(_ error: IntrayError) {
    code = error.code.rawValue
    message = error.message
    location = error.location
    hint = error.hint
    isTransient = error.isTransient
  }

  /// The error with the code that the word before the first dot names; `plugin` when Intray does not know the word.
  public var error: IntrayError {
    let word = code.prefix { $0 != "." }
    return IntrayError(
      IntrayError.Code(rawValue: String(word)) ?? .plugin, message, at: location, hint: hint, isTransient: isTransient)
  }
}
