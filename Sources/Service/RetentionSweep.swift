import Foundation
import IntrayCore
import JobStore
import Logging
import SpecFile
import WorkerLink

/// Removes what the configuration wants to be kept no longer: at most every hour, some jobs at a time.
///
/// (1) A clock that jumps removes nothing: what is old is decided only after the wall clock and the monotonic clock have
///     agreed since the sweep before.
public final class RetentionSweep {
  private let loop: EventLoop
  private let logger: Logger
  private let rules: () -> Retention
  private let purge: (_ endedBefore: Date, _ states: Set<JobState>) throws -> Int
  private var last = (wall: Date(), monotonic: ContinuousClock.now)

  private static let longestInterval = Duration.seconds(3600)
  private static let largestJump = 60.0

  /// - Parameter purge: Removes some jobs that ended in these states before this time; returns how many.
  public init(
    loop: EventLoop, logger: Logger, rules: @escaping () -> Retention,
    purge: @escaping (_ endedBefore: Date, _ states: Set<JobState>) throws -> Int
  ) {
    self.loop = loop
    self.logger = logger
    self.rules = rules
    self.purge = purge
  }

  /// The loop keeps the sweep.
  public func start() {
    let ages = [rules().results, rules().rejected].compactMap(\.self)
    let interval = min(Self.longestInterval, max(.seconds(1), (ages.min() ?? Self.longestInterval) / 2))
    loop.after(interval) { [self] in
      sweep(wall: Date(), monotonic: .now)
      start()
    }
  }

  /// One sweep at this time.
  public func sweep(wall: Date, monotonic: ContinuousClock.Instant) {
    let jump = wall.timeIntervalSince(last.wall) - (monotonic - last.monotonic) / .seconds(1)
    last = (wall, monotonic)
    guard abs(jump) <= Self.largestJump else {
      return logger.warning("the clock jumped by \(Int(jump)) s: nothing old is removed now")
    }
    remove(rules().results, [.done], "results", wall)
    remove(rules().rejected, [.rejected, .cancelled], "rejected batches", wall)
  }

  private func remove(_ age: Duration?, _ states: Set<JobState>, _ what: String, _ wall: Date) {
    guard let age else { return }
    do {
      let count = try purge(wall.addingTimeInterval(-(age / .seconds(1))), states)
      if count > 0 { logger.notice("\(count) \(what) were older than \(age / .seconds(86_400)) days and are removed") }
    } catch {
      logger.error("old \(what) cannot be removed: \(IntrayError(error)); tried again at the next sweep")
    }
  }
}
