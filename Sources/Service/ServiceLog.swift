import Foundation
import Logging

/// Where the service's log lines go.
public enum ServiceLog {
  /// The journal with all fields when standard error is connected to it, else readable lines on standard error.
  public static func logger(_ identifier: String) -> Logger {
    isConnectedToJournal
      ? Logger(label: identifier) { JournalHandler(identifier: $0) }
      : Logger(label: identifier) { _ in TerminalHandler() }
  }

  /// systemd.exec(5), JOURNAL_STREAM: device and inode of the stream that leads to the journal.
  static var isConnectedToJournal: Bool {
    guard let stream = ProcessInfo.processInfo.environment["JOURNAL_STREAM"] else { return false }
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return stream == "\(status.st_dev):\(status.st_ino)"
  }
}
