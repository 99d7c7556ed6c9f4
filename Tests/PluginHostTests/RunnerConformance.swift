import Foundation
import IntrayCore
import PluginHost
import TestSupport
import Testing
import WorkerLink

/// A runner with a job that it can do, for the conformance suite. A new runner adds its case to `all`.
struct RunnerCase: Sendable, CustomTestStringConvertible {
  let name: String
  /// The files of the batch by their names, and the spec, all parameters filled in.
  let files: [String: String]
  let spec: JobSpec
  /// The model store, nil for an empty one.
  var models: String?
  /// About how long the work between two checkpoints takes: a kill comes at any moment of it.
  let step: Duration
  /// Why the case cannot run here, nil when it can.
  var isMissing: String?

  var testDescription: String { name }

  var plugin: String { "\(Checkout.products)/lib\(name.prefix(1).uppercased())\(name.dropFirst()).so" }

  func workbench() throws -> Workbench {
    let bench = try Workbench(plugin: plugin, spec: spec, models: models)
    for (name, text) in files { try bench.folder.write(text, to: "input/\(name)") }
    return bench
  }

  static let all = [echo].filter { $0.isMissing == nil }

  static let echo = RunnerCase(
    name: "echo", files: ["notes.txt": "one\ntwo\n\u{1F600} three, without a newline"],
    spec: JobSpec(
      name: "notes", run: "echo", data: JobData(files: ["input": DataFile(path: "notes.txt")]),
      with: ["repeat": 30, "delay_ms": 25, "fail": "none"]),
    step: .milliseconds(25))
}

/// What every runner must do, with its library really loaded by `intray-worker`.
@Suite("Conformance of a runner")
struct RunnerConformance {
  private func expectComplete(_ attempt: Workbench.Attempt, _ bench: Workbench) throws {
    #expect(attempt.exit == .finished)
    guard case .started(let runner, _)? = attempt.messages.first else {
      Issue.record("the first message is not 'started'")
      return
    }
    #expect(runner == bench.spec.run)
    let metrics = try JSON.decode(
      JSONValue.self, from: Data(contentsOf: URL(fileURLWithPath: "\(bench.output)/metrics.json")), path: "metrics.json"
    )
    #expect(metrics.object != nil)
    let files = try Workbench.content(bench.output).keys
    #expect(files.allSatisfy { !$0.hasSuffix(".tmp") && !$0.contains("/.") && !$0.hasPrefix(".") }, "\(files)")
  }

  /// What an undisturbed run gives.
  private func reference(_ runner: RunnerCase) throws -> [String: Data] {
    let bench = try runner.workbench()
    try expectComplete(try bench.run(), bench)
    return try Workbench.content(bench.output)
  }

  @Test("Its description is complete, and its defaults fit its own schema", arguments: RunnerCase.all)
  func description(runner: RunnerCase) throws {
    let folder = URL(fileURLWithPath: runner.plugin).deletingLastPathComponent().path
    let installed = try PluginCatalog(folder: folder, worker: Workbench.worker).runner(named: runner.name)
    let description = installed.description
    #expect(installed.path == runner.plugin)
    #expect(!description.summary.isEmpty && !description.summary.contains("\n"))
    #expect(!description.data.isEmpty)
    #expect(description.data.values.allSatisfy { !$0.description.isEmpty })
    let schema = description.parameters
    #expect(schema["additionalProperties"] == false)
    let properties = try #require(schema["properties"]?.object)
    let required = Set(try #require(schema["required"]?.array).compactMap(\.string))
    #expect(required.isSubset(of: Set(properties.keys)))
    for (name, property) in properties {
      #expect(property["description"]?.string?.isEmpty == false, "\(name) has no description")
      let type = try #require(property["type"]?.string, "\(name) has no type")
      #expect((property["default"] != nil) != required.contains(name), "\(name) has a default or is required")
      guard let value = property["default"] else { continue }
      switch type {
      case "integer": #expect(value.int != nil, "\(name)")
      case "number": #expect(value.double != nil, "\(name)")
      case "string": #expect(value.string != nil, "\(name)")
      case "boolean": #expect(value.bool != nil, "\(name)")
      case "array": #expect(value.array != nil, "\(name)")
      default: Issue.record("\(name) has the type '\(type)'")
      }
      if let choices = property["enum"]?.array { #expect(choices.contains(value), "\(name)") }
      if let low = property["minimum"]?.double { #expect(value.double ?? -.infinity >= low, "\(name)") }
      if let high = property["maximum"]?.double { #expect(value.double ?? .infinity <= high, "\(name)") }
    }
    // The case itself names every parameter and no other, as a resolved spec does.
    #expect(Set(runner.spec.with.keys) == Set(properties.keys))
  }

  @Test("A job ends with its result, reports to the last, and leaves its input alone", arguments: RunnerCase.all)
  func completeRun(runner: RunnerCase) throws {
    let bench = try runner.workbench()
    let input = try Workbench.content(bench.input)
    let attempt = try bench.run()
    try expectComplete(attempt, bench)
    #expect(try Workbench.content(bench.input) == input)
    let reports = attempt.reports
    let last = try #require(reports.last)
    #expect(last.total > 0 && last.done == last.total)
    for (one, next) in zip(reports, reports.dropFirst()) { #expect(one.done <= next.done) }
    #expect(reports.allSatisfy { $0.done >= 0 && $0.done <= $0.total })
  }

  @Test("The same input gives the same bytes, on any number of threads", arguments: RunnerCase.all)
  func determinism(runner: RunnerCase) throws {
    let first = try reference(runner)
    for threads in [1, 2] {
      let bench = try runner.workbench()
      bench.threads = threads
      #expect(try bench.run().exit == .finished)
      #expect(try Workbench.content(bench.output) == first)
    }
  }

  @Test("Killed at ten random moments, it goes on and ends with the same bytes", arguments: RunnerCase.all)
  func kills(runner: RunnerCase) throws {
    let expected = try reference(runner)
    let bench = try runner.workbench()
    var random = SeededGenerator(seed: 20_261_124)
    var checkpoints = 0
    for attempt in 1...10 {
      // Every third time somewhere from its start on; else some time after it has begun or saved something, so that
      // the job comes forward on a slow machine as well.
      let delay = runner.step * Double.random(in: 0..<2, using: &random)
      let wanted = attempt % 3 == 0 ? nil : Int.random(in: 0...2, using: &random)
      checkpoints += try bench.run(attempt: attempt, after: delay, checkpoints: wanted).checkpoints
    }
    let last = try bench.run(attempt: 11)
    #expect(checkpoints > 0)
    try expectComplete(last, bench)
    #expect(try Workbench.content(bench.output) == expected)
  }

  @Test("It goes on from its checkpoint and does no finished work again", arguments: RunnerCase.all)
  func resume(runner: RunnerCase) throws {
    let bench = try runner.workbench()
    let first = try bench.run(onMessage: { worker, message in
      if case .progress(let report) = message, report.done > report.total / 2 { worker.kill() }
    })
    let reached = try #require(first.reports.last)
    #expect(first.error?.code == .crashed)
    #expect(first.checkpoints > 0)
    let second = try bench.run(attempt: 2)
    #expect(second.exit == .finished)
    let resumed = try #require(second.reports.first)
    #expect(resumed.done > reached.total / 4)
  }

  @Test("Asked to stop, it saves its state, stops soon, and goes on later to the same bytes", arguments: RunnerCase.all)
  func stop(runner: RunnerCase) throws {
    let expected = try reference(runner)
    let bench = try runner.workbench()
    var stopped: SuspendingClock.Instant?
    let first = try bench.run(onMessage: { worker, message in
      guard case .progress = message, stopped == nil else { return }
      stopped = .now
      worker.requestStop()
    })
    let time = try #require(stopped)
    #expect(first.exit == .stopped)
    #expect(SuspendingClock.now - time < .seconds(30))
    try expectComplete(try bench.run(attempt: 2), bench)
    #expect(try Workbench.content(bench.output) == expected)
  }

  @Test(
    "A checkpoint that was damaged fails the job, or changes nothing; it never crashes it", arguments: RunnerCase.all)
  func damagedCheckpoint(runner: RunnerCase) throws {
    let expected = try reference(runner)
    let bench = try runner.workbench()
    _ = try bench.run(onMessage: { worker, message in
      if case .progress(let report) = message, report.done > report.total / 2 { worker.kill() }
    })
    let saved = try Workbench.content(bench.work).filter { !$0.value.isEmpty }
    #expect(!saved.isEmpty)
    for (name, content) in saved {
      for damage in [Data(), content.prefix(content.count / 2), Data(content.reversed()), Data(count: content.count)] {
        for (name, content) in saved { try bench.folder.write(content, to: "work/\(name)") }
        try bench.folder.write(damage, to: "work/\(name)")
        let attempt = try bench.run(attempt: 2)
        if attempt.exit == .finished, try Workbench.content(bench.output) == expected { continue }
        #expect(attempt.error != nil, "\(name) was damaged, and the result is another")
        #expect(attempt.error?.code != .crashed, "\(name): \(String(describing: attempt.error))")
      }
    }
  }

  @Test("A missing file is an error that names it", arguments: RunnerCase.all)
  func missingFile(runner: RunnerCase) throws {
    for name in runner.spec.data.files.values.map(\.path) {
      let bench = try runner.workbench()
      try FileManager.default.removeItem(atPath: "\(bench.input)/\(name)")
      let error = try #require(try bench.run().error)
      #expect(error.description.contains(name))
      #expect(error.code == .missing || error.code == .data)
    }
  }
}

/// SplitMix64: the same moments in each run of the tests.
private struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
