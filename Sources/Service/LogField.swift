import Logging

/// The metadata keys of the service's log lines. In the journal a key is `INTRAY_` and the key in capitals.
enum LogField {
  static let job = "job"
  static let name = "name"
  static let runner = "runner"
  /// Where the job is: `queue`, `attempt`, `publish`.
  static let stage = "stage"
  /// Of a runner's progress: what it counts, as far as it does.
  static let progress = ["fold", "epoch", "step", "loss"]
  static let attempt = "attempt"
  /// The journal's own MESSAGE_ID.
  static let messageID = "message_id"
}

extension Logger.Level {
  /// syslog's number (RFC 5424, 6.2.1).
  var priority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
