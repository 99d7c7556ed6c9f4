import Foundation
import IntrayCore
import Logging
import Service
import SpecFile
import Testing
import WorkerLink

@Suite struct RetentionSweepTests {
  private final class Calls {
    var all: [(time: Date, states: Set<JobState>)] = []
  }

  private func sweep(_ rules: Retention, _ calls: Calls) -> RetentionSweep {
    RetentionSweep(loop: EventLoop(), logger: Logger(label: "test"), rules: { rules }) {
      calls.all.append(($0, $1))
      return 0
    }
  }

  @Test func `results and rejected batches have their own ages, and without an age they stay`() throws {
    let calls = Calls()
    let (wall, monotonic) = (Date(), ContinuousClock.now)
    sweep(Retention(results: .seconds(100), rejected: .seconds(10)), calls)
      .sweep(wall: wall.addingTimeInterval(5), monotonic: monotonic + .seconds(5))
    #expect(calls.all.map(\.states) == [[.done], [.rejected, .cancelled]])
    #expect(calls.all.map { Int($0.time.timeIntervalSince(wall).rounded()) } == [-95, -5])
    #expect(sweep(Retention(), calls).sweep(wall: wall, monotonic: monotonic) == 0)
    #expect(calls.all.count == 2)
  }

  @Test(arguments: [86_400.0 * 365, -86_400]) func `a clock that jumps removes nothing`(jump: Double) throws {
    let calls = Calls()
    let (wall, monotonic) = (Date(), ContinuousClock.now)
    let sweep = sweep(Retention(results: .seconds(100)), calls)
    sweep.sweep(wall: wall.addingTimeInterval(jump), monotonic: monotonic)
    #expect(calls.all.isEmpty)
    // From here on the clock runs as it should.
    sweep.sweep(wall: wall.addingTimeInterval(jump + 3600), monotonic: monotonic + .seconds(3600))
    #expect(calls.all.count == 1)
  }
}

@Suite struct JournalBudgetTests {
  @Test func `a flood is cut to a burst and a trickle, and what was left out is counted`() {
    let begin = SuspendingClock.now
    var budget = JournalBudget(now: begin)
    let passed = (0..<5000).count { _ in budget.take(now: begin) != nil }
    #expect(passed == Int(JournalBudget.linesAtOnce))
    #expect(budget.take(now: begin + .seconds(10)) == 5000 - passed)
    // A year of ten lines a second.
    var lines = 0
    for second in stride(from: 20, to: 100_000, by: 1) where budget.take(now: begin + .seconds(second)) != nil {
      lines += 1
    }
    #expect(abs(Double(lines) - 100_000 * JournalBudget.linesPerSecond) < 50)
  }
}
