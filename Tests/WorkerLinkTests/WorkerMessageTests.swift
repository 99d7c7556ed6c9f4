import Foundation
import IntrayCore
import Testing
import WorkerLink

@Suite("Messages")
struct WorkerMessageTests {
  @Test("Every message is the same after the way through JSON")
  func roundTrip() throws {
    let report = FailureReport(
      IntrayError(.data, "no column 'abstract'", at: .init("train.csv", line: 1), hint: "known: id", isTransient: true))
    let messages: [WorkerMessage] = [
      .started(runner: "echo", version: "1.0.0"),
      .log(
        LogLine(time: Date(timeIntervalSince1970: 0.25), level: .warning, message: "a\nb \u{1F600}", fields: ["K": "v"])
      ),
      .progress(ProgressReport(done: 0.1, total: 3, metrics: ["loss": 0.5, "epoch": 2, "phase": "train"])),
      .checkpointSaved, .finished, .stopped, .failed(report),
    ]
    for message in messages {
      #expect(try JSON.decode(WorkerMessage.self, from: JSON.encode(message), path: "test") == message)
    }
    #expect(messages.map(\.isFinal) == [false, false, false, false, true, true, true])
  }

  @Test("A log line is a readable line of log.jsonl")
  func logLine() throws {
    let line = LogLine(
      time: Date(timeIntervalSince1970: 1_000_000_000.25), level: .info, message: "epoch 1", fields: ["EPOCH": "1"])
    #expect(
      try JSON.text(line)
        == #"{"fields":{"EPOCH":"1"},"level":6,"message":"epoch 1","time":"2001-09-09T01:46:40.250Z"}"#)
    #expect(throws: IntrayError.self) {
      try JSON.decode(LogLine.self, from: #"{"level":6,"message":"","time":"yesterday"}"#, path: "log.jsonl")
    }
  }

  @Test("Any number has a nearest level")
  func levels() {
    #expect(
      [Int.min, 0, 3, 4, 6, 7, 8, .max].map { LogLine.Level(nearest: $0) }
        == [.error, .error, .error, .warning, .info, .debug, .debug, .debug])
  }

  @Test(
    "A plugin's code is what stands before its first dot",
    arguments: [
      ("data", IntrayError.Code.data), ("data.column", .data), ("model.shape.rank", .model), ("system", .system),
      ("oops", .plugin), ("", .plugin), (".data", .plugin), ("DATA", .plugin),
    ])
  func codes(word: String, code: IntrayError.Code) {
    let error = FailureReport(code: word, message: "m", hint: "h", isTransient: true).error
    #expect(error == IntrayError(code, "m", hint: "h", isTransient: true))
  }
}
