import IntrayCore

/// Whether a failed attempt is worth another one, and when.
public struct RetryPolicy: Sendable, Equatable {
  public enum Decision: Sendable, Equatable {
    case retry(after: Duration)
    case reject
  }

  /// A job is rejected after this many attempts without progress.
  public var attempts: Int
  /// Before the second attempt; each later one waits four times as long.
  public var backoff: Duration

  public static let longestDelay = Duration.seconds(3600)

  public init(attempts: Int = 3, backoff: Duration = .seconds(2)) {
    self.attempts = attempts
    self.backoff = backoff
  }

  /// - Parameter attemptsWithoutProgress: Those since the last checkpoint, the one that failed with `error` included;
  ///   0 when it saved one.
  public func decide(_ error: IntrayError, attemptsWithoutProgress: Int) -> Decision {
    guard error.isTransient, attemptsWithoutProgress < attempts else { return .reject }
    return .retry(after: delay(failures: attemptsWithoutProgress))
  }

  /// `backoff` after the first failure in a row, then four times as long after each, at most an hour.
  public func delay(failures: Int) -> Duration {
    guard backoff > .zero else { return .zero }
    var (delay, left) = (backoff, failures)
    while left > 1, delay < Self.longestDelay {
      delay *= 4
      left -= 1
    }
    return min(delay, Self.longestDelay)
  }
}
