import Foundation
import IntrayCore
import JobStore
import Logging
import SpecFile
import WorkerLink

/// Removes what the configuration wants to be kept no longer: every hour at the latest, some jobs at a time, and the next
/// ones a second later until none is left.
///
/// (1) A clock that jumps removes nothing: what is old is decided only after the wall clock and the monotonic clock have
///     agreed since the sweep before.
public final class RetentionSweep {
  private let loop: EventLoop
  private let logger: Logger
  private let rules: () -> Retention
  private let purge: (_ endedBefore: Date, _ states: Set<JobState>) throws -> Int
  private var isBehind = false
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
    loop.after(isBehind ? .seconds(1) : interval) { [self] in
      isBehind = sweep(wall: Date(), monotonic: .now) > 0
      start()
    }
  }

  /// One sweep at this time.
  ///
  /// - Returns: how many jobs it removed.
  @discardableResult public func sweep(wall: Date, monotonic: ContinuousClock.Instant) -> Int {
    let jump = wall.timeIntervalSince(last.wall) - (monotonic - last.monotonic) / .seconds(1)
    last = (wall, monotonic)
    guard abs(jump) <= Self.largestJump else {
      logger.warning("the clock jumped by \(Int(jump)) s: nothing old is removed now")
      return 0
    }
    return remove(rules().results, [.done], "results", wall)
      + remove(rules().rejected, [.rejected, .cancelled], "rejected batches", wall)
  }

  private func remove(_ age: Duration?, _ states: Set<JobState>, _ what: String, _ wall: Date) -> Int {
    guard let age else { return 0 }
    do {
      let count = try purge(wall.addingTimeInterval(-(age / .seconds(1))), states)
      if count > 0 { logger.notice("\(count) \(what) were older than \(Self.words(age)) and are removed") }
      return count
    } catch {
      logger.error("old \(what) cannot be removed: \(IntrayError(error)); tried again at the next sweep")
      return 0
    }
  }

  private static func words(_ age: Duration) -> String {
    age.formatted(.units(allowed: [.days, .hours, .minutes, .seconds], width: .wide))
  }
}
