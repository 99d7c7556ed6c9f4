import Glibc
import IntrayCore

/// Errors of the system calls on pipes and processes. (Those on files are FileKit's.)
enum SystemCall {
  /// A refused call; it may work later when the system was short of something.
  static func error(_ call: String, _ number: Int32 = errno) -> IntrayError {
    let isTransient = [EAGAIN, EMFILE, ENFILE, ENOMEM, ENOSPC].contains(number)
    return IntrayError(.system, "\(call): \(String(cString: strerror(number)))", isTransient: isTransient)
  }

  /// Repeats a call that was interrupted by a signal. The call returns -1 and sets errno on failure.
  static func retrying(_ call: () -> Int) -> Int {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }
}

enum PollTimeout {
  /// The time to a deadline for poll(2): rounded up, so that nobody spins before it, and at most an hour, after which
  /// one looks again.
  static func milliseconds(until deadline: SuspendingClock.Instant) -> Int32 {
    let (seconds, attoseconds) = (deadline - SuspendingClock.now).components
    if seconds < 0 || attoseconds < 0 { return 0 }
    if seconds >= 3600 { return 3_600_000 }
    return Int32(seconds) * 1000 + Int32((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}
