import CSystemd
import Foundation

/// systemd, if it has started this process: sd_notify(3), sd_watchdog_enabled(3). Without it every call does nothing.
enum ServiceManager {
  /// Start-up, or a reload, is over.
  static func ready(status: String) { notify("READY=1\nSTATUS=\(oneLine(status))") }

  static func status(_ text: String) { notify("STATUS=\(oneLine(text))") }

  /// Gives the stop, start or reload under way this time from now on, whatever the unit says (sd_notify(3)).
  static func extendTimeout(_ time: Duration) {
    notify("EXTEND_TIMEOUT_USEC=\(time.components.seconds * 1_000_000)")
  }

  static func stopping() { notify("STOPPING=1\nSTATUS=stopping: workers save their state") }

  /// systemd wants the time as well, to tell this reload from an earlier one.
  static func reloading() {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    notify("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
  }

  static func alive() { notify("WATCHDOG=1") }

  /// How often `alive` is to be called: half of what systemd allows. Nil when it does not watch.
  static var watchdogInterval: Duration? {
    var microseconds: UInt64 = 0
    guard sd_watchdog_enabled(0, &microseconds) > 0, microseconds <= UInt64(Int64.max) else { return nil }
    return .microseconds(Int64(microseconds / 2))
  }

  private static func notify(_ text: String) { sd_notify(0, text) }

  private static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}
