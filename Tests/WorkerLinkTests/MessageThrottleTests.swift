import IntrayCore
import Testing
import WorkerLink

@Suite("Message throttle")
struct MessageThrottleTests {
  private let start = SuspendingClock.now

  private func after(_ milliseconds: Int) -> SuspendingClock.Instant {
    start.advanced(by: .milliseconds(milliseconds))
  }

  private func progress(_ done: Int) -> WorkerMessage {
    .progress(ProgressReport(done: Double(done), total: 1000))
  }

  private func line(_ text: String, _ level: LogLine.Level = .info) -> WorkerMessage {
    .log(LogLine(level: level, message: text))
  }

  private func texts(_ messages: [WorkerMessage]) -> [String] {
    messages.map { if case .log(let line) = $0 { line.message } else { "\($0)" } }
  }

  @Test("Of a report every millisecond, ten a second pass, and the last one always does")
  func progressRate() {
    var throttle = MessageThrottle()
    var sent: [WorkerMessage] = []
    for time in 0..<1000 {
      sent += throttle.release(now: after(time))
      sent += throttle.admit(progress(time), now: after(time))
    }
    #expect(throttle.due == after(1000))
    sent += throttle.release(now: after(1000))
    #expect(sent.count == 11)
    #expect(sent.last == progress(999))
    #expect(throttle.due == nil)
    #expect(throttle.release(now: after(5000)).isEmpty)
  }

  @Test("A report that comes alone passes at once")
  func loneProgress() {
    var throttle = MessageThrottle()
    for time in stride(from: 0, to: 1000, by: 100) {
      #expect(throttle.admit(progress(time), now: after(time)) == [progress(time)])
      #expect(throttle.due == nil)
    }
  }

  @Test("Checkpoints without end pass once a second")
  func checkpoints() {
    var throttle = MessageThrottle()
    var sent = 0
    for time in 0..<3000 {
      sent += throttle.release(now: after(time)).count
      sent += throttle.admit(.checkpointSaved, now: after(time)).count
    }
    #expect(sent == 3)
  }

  @Test("Of too many lines the first of each second pass, and a line says how many did not")
  func lineRate() {
    var throttle = MessageThrottle()
    var sent: [WorkerMessage] = []
    for index in 0..<250 { sent += throttle.admit(line("\(index)"), now: after(index)) }
    #expect(texts(sent) == (0..<100).map(String.init))
    #expect(throttle.due == after(1000))
    #expect(throttle.release(now: after(999)).isEmpty)
    #expect(texts(throttle.release(now: after(1000))) == ["150 lines suppressed: more than 100 in a second"])
    #expect(texts(throttle.admit(line("next"), now: after(1001))) == ["next"])
  }

  @Test("The note comes before the next line when nobody released it in time")
  func lateNote() {
    var throttle = MessageThrottle()
    for index in 0..<101 { _ = throttle.admit(line("\(index)"), now: start) }
    #expect(
      texts(throttle.admit(line("next"), now: after(1500)))
        == ["1 lines suppressed: more than 100 in a second", "next"])
  }

  @Test("A flood of other lines does not hide errors and warnings")
  func alarms() {
    var throttle = MessageThrottle()
    for index in 0..<1000 { _ = throttle.admit(line("\(index)", .debug), now: start) }
    #expect(texts(throttle.admit(line("bad", .error), now: start)) == ["bad"])
    #expect(texts(throttle.admit(line("odd", .warning), now: start)) == ["odd"])
  }

  @Test("What was held back goes out before the final message")
  func finalFlush() {
    var throttle = MessageThrottle()
    for index in 0..<102 { _ = throttle.admit(line("\(index)"), now: start) }
    for index in 0..<5 { _ = throttle.admit(progress(index), now: start) }
    for _ in 0..<2 { _ = throttle.admit(.checkpointSaved, now: start) }
    let sent = throttle.admit(.finished, now: start)
    #expect(sent.count == 4)
    #expect(sent.prefix(2) == [progress(4), .checkpointSaved])
    #expect(texts(sent)[2] == "2 lines suppressed: more than 100 in a second")
    #expect(sent.last == .finished)
  }
}
