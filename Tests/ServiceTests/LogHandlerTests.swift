import Foundation
import Logging
import Service
import Testing

@Suite struct LogHandlerTests {
  @Test func `a journal entry has message, priority, identifier and the fields in capitals`() {
    let fields = JournalHandler.fields(
      identifier: "intrayd", level: .warning, message: "papers: two\nlines",
      metadata: ["job": "00aa", "runner": "echo", "message_id": "\(Outcome.done.rawValue)", "odd key-é": "x"])
    #expect(
      fields == [
        "MESSAGE=papers: two\nlines", "PRIORITY=4", "SYSLOG_IDENTIFIER=intrayd", "INTRAY_JOB=00aa",
        "MESSAGE_ID=\(Outcome.done.rawValue)", "INTRAY_ODD_KEY___=x", "INTRAY_RUNNER=echo",
      ])
    #expect(JournalHandler.fieldName(String(repeating: "a", count: 100)).utf8.count == 64)
  }

  @Test(arguments: [
    (Logger.Level.critical, 2), (.error, 3), (.warning, 4), (.notice, 5), (.info, 6), (.debug, 7), (.trace, 7),
  ]) func `levels have syslog's numbers`(level: Logger.Level, number: Int) {
    let fields = JournalHandler.fields(identifier: "x", level: level, message: "m", metadata: [:])
    #expect(fields.contains("PRIORITY=\(number)"))
  }

  @Test func `each outcome has a message id of its own, as the journal wants it`() {
    let ids = Outcome.allCases.map(\.rawValue)
    #expect(Set(ids).count == ids.count)
    for id in ids { #expect(id.count == 32 && id.allSatisfy { $0.isHexDigit && !$0.isUppercase }) }
  }

  @Test func `a line for the terminal is one line, whatever a job writes`() {
    let line = TerminalHandler.line(
      at: Date(), level: .error, message: "a\nb\u{1b}[2J", metadata: ["job": "00aa", "message_id": "zz"])
    #expect(line.hasSuffix("error   a\\nb\\u{1B}[2J (job=00aa)\n"))
    #expect(line.dropLast().allSatisfy { !$0.isNewline })
  }
}
