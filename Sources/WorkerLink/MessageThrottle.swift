import IntrayCore

/// Keeps a worker from flooding its host, whatever its plugin does.
///
/// (1) Of progress reports, and of checkpoints saved, one per interval goes out; the last one always does.
/// (2) Of log lines, a number per second goes out; a line says how many were suppressed. Warnings and errors have an
///     allowance of their own, so that a flood of other lines cannot hide them.
/// (3) What was held back goes out before any message that is not throttled.
///
/// Time is passed in; nothing here waits.
public struct MessageThrottle {
  public typealias Instant = SuspendingClock.Instant

  public static let progressInterval = Duration.milliseconds(100)
  public static let checkpointInterval = Duration.seconds(1)
  /// For each of the two groups of levels.
  public static let linesPerSecond = 100

  private var progress = Latest(interval: progressInterval)
  private var checkpoint = Latest(interval: checkpointInterval)
  private var details = Allowance(limit: linesPerSecond)
  private var alarms = Allowance(limit: linesPerSecond)

  public init() {}

  /// When held-back messages are due; nil when there is none.
  public var due: Instant? { [progress.due, checkpoint.due, details.due, alarms.due].compactMap(\.self).min() }

  /// What to send now, in order, because of this message.
  public mutating func admit(_ message: WorkerMessage, now: Instant) -> [WorkerMessage] {
    switch message {
    case .progress: return progress.admit(message, now)
    case .checkpointSaved: return checkpoint.admit(message, now)
    case .log(let line) where line.level.rawValue <= LogLine.Level.warning.rawValue: return alarms.admit(message, now)
    case .log: return details.admit(message, now)
    case .started, .planned, .finished, .stopped, .failed: return release { _ in true } + [message]
    }
  }

  /// What was held back and is due.
  public mutating func release(now: Instant) -> [WorkerMessage] { release { $0 <= now } }

  private mutating func release(_ isDue: (Instant) -> Bool) -> [WorkerMessage] {
    [progress.release(isDue), checkpoint.release(isDue), details.release(isDue), alarms.release(isDue)]
      .compactMap(\.self)
  }
}

/// Messages of which only the newest matters.
private struct Latest {
  let interval: Duration
  private var held: WorkerMessage?
  private var next: MessageThrottle.Instant?

  init(interval: Duration) { self.interval = interval }

  var due: MessageThrottle.Instant? { held == nil ? nil : next }

  mutating func admit(_ message: WorkerMessage, _ now: MessageThrottle.Instant) -> [WorkerMessage] {
    if let next, now < next {
      held = message
      return []
    }
    held = nil
    next = now.advanced(by: interval)
    return [message]
  }

  mutating func release(_ isDue: (MessageThrottle.Instant) -> Bool) -> WorkerMessage? {
    guard let message = held, let due = next, isDue(due) else { return nil }
    held = nil
    next = due.advanced(by: interval)
    return message
  }
}

/// Messages of which a number per second passes.
private struct Allowance {
  let limit: Int
  private var passed = 0
  private var suppressed = 0
  private var end: MessageThrottle.Instant?

  init(limit: Int) { self.limit = limit }

  var due: MessageThrottle.Instant? { suppressed == 0 ? nil : end }

  mutating func admit(_ message: WorkerMessage, _ now: MessageThrottle.Instant) -> [WorkerMessage] {
    var out: [WorkerMessage] = []
    if end.map({ now >= $0 }) ?? true {
      if let note = release({ $0 <= now }) { out.append(note) }
      end = now.advanced(by: .seconds(1))
      passed = 0
    }
    if passed < limit {
      passed += 1
      out.append(message)
    } else {
      suppressed += 1
    }
    return out
  }

  mutating func release(_ isDue: (MessageThrottle.Instant) -> Bool) -> WorkerMessage? {
    guard suppressed > 0, let end, isDue(end) else { return nil }
    defer { suppressed = 0 }
    return .log(LogLine(level: .warning, message: "\(suppressed) lines suppressed: more than \(limit) in a second"))
  }
}
