import Foundation
import IntrayCore
import PluginHost
import TestSupport
import Testing
import WorkerLink

@Suite("Echo")
struct EchoTests {
  private func bench(_ with: [String: JSONValue] = [:], text: String = "one\ntwo\nthree", name: String = "a.txt") throws
    -> Workbench
  {
    let parameters: [String: JSONValue] = ["repeat": 1, "delay_ms": 0, "fail": "none"]
    let bench = try Workbench(
      plugin: "\(Checkout.products)/libEcho.so",
      spec: JobSpec(
        name: "test", run: "echo", data: JobData(files: ["input": DataFile(path: name)]),
        with: parameters.merging(with) { $1 }))
    try bench.folder.write(text, to: "input/\(name)")
    return bench
  }

  private func output(_ bench: Workbench, _ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(bench.output)/\(name)")), as: UTF8.self)
  }

  @Test("It copies its input and counts the lines")
  func copies() throws {
    let bench = try bench(["repeat": 3])
    let attempt = try bench.run()
    #expect(attempt.exit == .finished)
    #expect(try output(bench, "a.txt") == "one\ntwo\nthreeone\ntwo\nthreeone\ntwo\nthree")
    #expect(try output(bench, "metrics.json") == "{\"bytes\": 39, \"lines\": 7, \"repeat\": 3}\n")
    #expect(attempt.reports.last == ProgressReport(done: 3, total: 3, metrics: ["lines": 7]))
  }

  @Test("An empty file and a large one are copied too")
  func sizes() throws {
    let empty = try bench(["repeat": 100], text: "")
    #expect(try empty.run().exit == .finished)
    #expect(try output(empty, "a.txt").isEmpty)
    let text = String(repeating: "0123456789abcde\n", count: 20_000)
    let large = try bench(["repeat": 2], text: text)
    #expect(try large.run().exit == .finished)
    #expect(try output(large, "a.txt") == text + text)
    #expect(try output(large, "metrics.json") == "{\"bytes\": 640000, \"lines\": 40000, \"repeat\": 2}\n")
  }

  @Test(
    "It finds its parameters whatever else stands in the spec",
    arguments: ["a b.csv", "quote\"backslash\\.csv", "caf\u{E9} \u{1F600}.csv", "tab\tnewline\n.csv", "{\"path\": 1}"])
  func names(name: String) throws {
    let bench = try bench(["zzz": [["repeat": 7, "a": [1.5e3, -2, true, .null, "]}"]]]], name: name)
    bench.spec.name = "\"with\": {\"repeat\": 9}"
    bench.spec.data.columns = Columns(id: "path", text: ["input", "{"], label: "repeat")
    bench.spec.data.files["aaa"] = DataFile(path: "no \\u0041 such", sha256: nil, rows: 3)
    #expect(try bench.run().exit == .finished)
    #expect(try output(bench, name) == "one\ntwo\nthree")
  }

  @Test(
    "A parameter that is not what its schema says is an error that names it",
    arguments: [
      ("repeat", 0), ("repeat", 101), ("repeat", 1.5), ("repeat", "1"), ("repeat", .null), ("repeat", 1e3),
      ("repeat", 9_223_372_036_854_775_807), ("delay_ms", -1), ("delay_ms", 60_001), ("delay_ms", true), ("fail", 1),
      ("fail", .string(String(repeating: "x", count: 100))),
    ] as [(String, JSONValue)])
  func badParameters(name: String, value: JSONValue) throws {
    let error = try bench([name: value]).run().error
    #expect(error?.code == .spec)
    #expect(error?.message.hasPrefix("\(name): ") == true)
  }

  @Test("It fails as it is asked to")
  func failures() throws {
    let permanent = try bench(["fail": "permanent"]).run()
    #expect(permanent.error == IntrayError(.data, "the spec asks to fail", hint: "set 'fail: none'"))
    let transient = try bench(["fail": "transient"])
    for attempt in 1...2 {
      #expect(
        try transient.run(attempt: attempt).error
          == IntrayError(.system, "the spec asks to fail at attempt \(attempt)", isTransient: true))
    }
    let first = try bench(["fail": "first_attempt"])
    #expect(try first.run(attempt: 1).error?.isTransient == true)
    #expect(try first.run(attempt: 2).exit == .finished)
    let crash = try bench(["fail": "crash"]).run()
    #expect(crash.error?.message == "the plugin crashed: SIGABRT (it gave up)")
  }

  @Test("A stop comes through in the middle of a long step")
  func stopsSoon() throws {
    let bench = try bench(["delay_ms": 60_000])
    let start = SuspendingClock.now
    let attempt = try bench.run(onMessage: { worker, _ in worker.requestStop() })
    #expect(attempt.exit == .stopped)
    #expect(SuspendingClock.now - start < .seconds(30))
  }

  @Test("A checkpoint of something else fails the job and says what to do")
  func foreignCheckpoint() throws {
    let bench = try bench()
    try bench.folder.write("something else", to: "work/echo.checkpoint")
    let error = try bench.run().error
    #expect(error?.message == "\(bench.work)/echo.checkpoint: not a checkpoint of this runner")
    #expect(error?.hint == "drop the batch again with 'force: true' to start afresh")
    #expect(error?.isTransient == false)
  }

  @Test("It says where it goes on")
  func saysWhereItGoesOn() throws {
    let bench = try bench(["repeat": 3, "delay_ms": 50])
    let first = try bench.run(onMessage: { worker, message in
      if message == .checkpointSaved { worker.kill() }
    })
    #expect(first.checkpoints == 1)
    let second = try bench.run(attempt: 2)
    let line = try #require(second.lines.first)
    #expect(line.message == "going on from the checkpoint")
    #expect(line.level == .notice)
    #expect(["1", "2"].contains(line.fields["STEP"]))
  }
}
