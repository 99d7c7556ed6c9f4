import Glibc
import IntrayCore

/// How an attempt ended.
public enum WorkerExit: Sendable, Equatable {
  /// The result is complete in the output folder.
  case finished
  /// The state is saved in the work folder, or nothing had begun: the job can go on later.
  case stopped
  /// The plugin reported an error, or the worker died: a crash is `.crashed` and transient.
  case failed(IntrayError)
}

extension IntrayError {
  /// A process that ended without saying why.
  /// - Parameters:
  ///   - subject: what ended, as the error names it: `the plugin`.
  ///   - lastErrors: what it wrote last to its standard error.
  public init(_ end: ChildProcess.End, of subject: String, lastErrors: String) {
    var hints: [String] = []
    let message: String
    switch end {
    case .exited(let status):
      message = "\(subject) ended its process with exit status \(status) before the work was done"
    case .signal(SIGKILL):
      message = "\(subject) was killed (SIGKILL), perhaps by the out-of-memory killer"
      hints.append("see `journalctl -k` for a line of the OOM killer, and ask for less: a smaller batch or model")
    case .signal(let number):
      message = "\(subject) crashed: \(SignalName.text(number))"
    }
    let lines = lastErrors.split(whereSeparator: \.isNewline).suffix(5).map {
      $0.count > 300 ? "\($0.prefix(300))..." : String($0)
    }
    if !lines.isEmpty { hints.append("its last lines were: \(lines.joined(separator: " | "))") }
    self.init(
      .crashed, message, hint: hints.isEmpty ? nil : hints.joined(separator: "; "), isTransient: true)
  }
}

enum SignalName {
  /// `SIGSEGV (invalid memory access)` (signal(7)).
  static func text(_ signal: Int32) -> String {
    switch signal {
    case SIGSEGV: "SIGSEGV (invalid memory access)"
    case SIGBUS: "SIGBUS (bad memory access, or a mapped file that shrank)"
    case SIGABRT: "SIGABRT (it gave up)"
    case SIGILL: "SIGILL (illegal instruction, or a Swift trap)"
    case SIGTRAP: "SIGTRAP (a trap)"
    case SIGFPE: "SIGFPE (integer division by zero)"
    case SIGSYS: "SIGSYS (forbidden system call)"
    case SIGXCPU: "SIGXCPU (processor time limit)"
    case SIGXFSZ: "SIGXFSZ (file size limit)"
    case SIGTERM: "SIGTERM"
    case SIGHUP: "SIGHUP"
    case SIGINT: "SIGINT"
    case SIGQUIT: "SIGQUIT"
    case SIGPIPE: "SIGPIPE"
    default: "signal \(signal)"
    }
  }
}
