import Foundation
import IntrayCore
import PluginHost
import TestSupport
import Testing
import WorkerLink

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

  /// The files of the result. Only in metrics.json may something differ from run to run: times and speeds.
  private func result(_ bench: Workbench) throws -> [String: Data] {
    var files = try Workbench.content(bench.output)
    let metrics: JSONValue = try JSON.decode(from: files["metrics.json"] ?? Data(), path: "metrics.json")
    files["metrics.json"] = try JSON.encode(withoutTimes(metrics))
    return files
  }

  private func withoutTimes(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      .object(members.filter { !$0.key.contains("seconds") && !$0.key.contains("_per_s") }.mapValues(withoutTimes))
    case .array(let items): .array(items.map(withoutTimes))
    case .null, .bool, .int, .double, .string: value
    }
  }

  /// What an undisturbed run gives.
  private func reference(_ runner: RunnerCase) throws -> [String: Data] {
    let bench = try runner.workbench()
    try expectComplete(try bench.run(), bench)
    return try result(bench)
  }

  /// The names of the files that differ, so that a failure does not print their content.
  private func differences(_ one: [String: Data], _ other: [String: Data]) -> [String] {
    Set(one.keys).union(other.keys).filter { one[$0] != other[$0] }.sorted()
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
      #expect(property["default"] == nil || !required.contains(name), "\(name) has a default and is required")
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
    // The case itself is a resolved spec.
    let needed = Set(properties.filter { $0.value["default"] != nil }.keys).union(required)
    #expect(needed.isSubset(of: Set(runner.with.keys)))
    #expect(Set(runner.with.keys).isSubset(of: Set(properties.keys)))
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
      #expect(differences(try result(bench), first).isEmpty)
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
      let wanted = attempt % 3 == 0 ? nil : Int.random(in: 0...1, using: &random)
      checkpoints += try bench.run(attempt: attempt, after: delay, checkpoints: wanted).checkpoints
    }
    let last = try bench.run(attempt: 11)
    #expect(checkpoints > 0 || !runner.keepsCheckpoints)
    try expectComplete(last, bench)
    #expect(differences(try result(bench), expected).isEmpty)
  }

  @Test("It goes on from its checkpoint and does no finished work again", arguments: RunnerCase.resuming)
  func resume(runner: RunnerCase) throws {
    // Where a job that begins anew reports first.
    let fresh = try #require(try runner.workbench().run().reports.first)
    let bench = try runner.workbench()
    let first = try bench.run(after: .zero, checkpoints: 1)
    #expect(first.error?.code == .crashed)
    let second = try bench.run(attempt: 2)
    #expect(second.exit == .finished)
    let resumed = try #require(second.reports.first)
    #expect(resumed.done > fresh.done)
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
    #expect(differences(try result(bench), expected).isEmpty)
  }

  @Test(
    "A checkpoint that was damaged fails the job, or changes nothing; it never crashes it",
    arguments: RunnerCase.resuming)
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
        if attempt.exit == .finished, try differences(result(bench), expected).isEmpty { continue }
        #expect(attempt.error != nil, "\(name) was damaged, and the result is another")
        #expect(attempt.error?.code != .crashed, "\(name): \(String(describing: attempt.error))")
      }
    }
  }

  @Test("A missing file is an error that names it, the same in the plan", arguments: RunnerCase.all)
  func missingFile(runner: RunnerCase) throws {
    for name in runner.files.keys {
      let bench = try runner.workbench()
      try FileManager.default.removeItem(atPath: "\(bench.input)/\(name)")
      let error = try #require(try bench.run().error)
      #expect(error.description.contains(name))
      #expect(error.code == .missing || error.code == .data)
      #expect(try bench.run(to: .plan).error == error)
    }
  }

  @Test("Its plan is the same each time but for the time, and leaves nothing but itself", arguments: RunnerCase.all)
  func plan(runner: RunnerCase) throws {
    var plans: [JobPlan] = []
    for _ in 0..<2 {
      let bench = try runner.workbench()
      let input = try Workbench.content(bench.input)
      let attempt = try bench.run(to: .plan)
      #expect(attempt.exit == .finished)
      guard case .started(runner.name, _)? = attempt.messages.first else {
        Issue.record("the first message is not 'started'")
        return
      }
      #expect(attempt.reports.isEmpty && attempt.checkpoints == 0)
      #expect(Set(try Workbench.content(bench.output).keys) == [JobPlan.fileName])
      #expect(Set(try Workbench.content(bench.work).keys) == [".worker.lock"])
      #expect(try Workbench.content(bench.input) == input)
      let plan = try JobPlan.read(from: bench.output)
      #expect(plan.memoryBytes > 1 << 20 && plan.memoryBytes < 1 << 30)
      #expect(plan.seconds > 0 && plan.seconds < 600)
      #expect(plan.memoryParts.isEmpty || plan.memoryParts.values.reduce(0, +) == plan.memoryBytes)
      plans.append(plan)
    }
    plans[1].seconds = plans[0].seconds
    #expect(plans[0] == plans[1])
  }
}
