/// How many lines of one job may reach the journal: some at once, and then one in a while, however long it runs.
///
/// The job's own log has its own limit (`JobLog`).
public struct JournalBudget {
  public static let linesAtOnce = 1000.0
  public static let linesPerSecond = 0.2

  private var lines = linesAtOnce
  private var time: SuspendingClock.Instant
  private(set) var suppressed = 0

  public init(now: SuspendingClock.Instant) { time = now }

  /// Whether a line may go out.
  ///
  /// - Returns: nil when it may not; else how many lines before it did not.
  public mutating func take(now: SuspendingClock.Instant) -> Int? {
    lines = min(Self.linesAtOnce, lines + (now - time) / .seconds(1) * Self.linesPerSecond)
    time = now
    guard lines >= 1 else {
      suppressed += 1
      return nil
    }
    lines -= 1
    defer { suppressed = 0 }
    return suppressed
  }
}
