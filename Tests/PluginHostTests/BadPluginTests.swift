import Foundation
import IntrayCore
import PluginHost
import TestSupport
import Testing
import WorkerLink

@Suite("Bad plugins")
struct BadPluginTests {
  @Test(
    "A plugin that cannot be described is refused with the reason",
    arguments: [
      ("wrong-major", "abi_major is 2, this Intray has 1; rebuild the plugin with the intray_plugin.h of this Intray"),
      (
        "newer-minor",
        "abi_minor is 4, this Intray has 1; update Intray, or rebuild the plugin with the intray_plugin.h of this Intray"
      ),
      ("short-size", "its table's size is 24 bytes; the table of ABI 1.0 has 32; set 'size' to sizeof(intray_plugin)"),
      (
        "short-size-of-1-1",
        "its table's size is 32 bytes; the table of ABI 1.1 has 40; set 'size' to sizeof(intray_plugin)"
      ),
      ("no-size", "its table's size is 0 bytes; the ABI's table has 40; set 'size' to sizeof(intray_plugin)"),
      ("no-symbol", "exports no function intray_plugin_entry"),
      ("hidden-symbol", "exports no function intray_plugin_entry"),
      ("null-table", "intray_plugin_entry returned NULL"),
      ("null-describe", "its table has no function 'describe'"),
      ("null-run", "its table has no function 'run'"),
      ("describes-null", "describe() returned NULL"),
      ("describes-garbage", "describe(): not the JSON that was expected"),
      ("describes-without-version", "describe(): not the JSON that was expected: no key 'version'"),
      ("describes-schema-list", "describe(): 'parameters' is not a JSON Schema but list"),
      ("describes-schema-text", "describe(): the schema of 'parameters' must have \"type\": \"object\""),
      ("describes-path", "describe(): '../evil' is no name for a runner"),
      ("describes-unknown-column", "describe(): role 'train' needs a column 'labels'; known: id, label, text"),
      ("describes-endlessly", "describe() returned more than 524288 bytes"),
      ("describes-another", "describes itself as 'another'; its file must be libAnother.so"),
      ("segfault-in-describe", "the plugin, asked to describe itself, crashed: SIGSEGV (invalid memory access)"),
      ("exit-when-loaded", "the plugin, asked to describe itself, ended its process with exit status 0"),
      ("hang-in-describe", "did not describe itself within 1 s"),
      ("needs-missing-library", "cannot be loaded: "),
    ])
  func description(name: String, reason: String) throws {
    let isHanging = name == "hang-in-describe"
    let catalog = PluginCatalog(
      folder: try BadPlugins.folder(), worker: Workbench.worker, timeLimit: isHanging ? .seconds(1) : .seconds(60))
    let error = #expect(throws: IntrayError.self) { _ = try catalog.runner(named: name) }
    #expect(error?.code == .plugin)
    #expect(error?.isTransient == isHanging)
    #expect(
      error?.description.hasPrefix("\(try BadPlugins.path(name)): \(reason)") == true, "\(String(describing: error))")
  }

  @Test(
    "A plugin that cannot be loaded fails the job for good",
    arguments: ["wrong-major", "newer-minor", "short-size", "no-symbol", "describes-garbage", "needs-missing-library"])
  func jobOfUnloadable(name: String) throws {
    let attempt = try BadPlugins.workbench(name).run()
    #expect(attempt.error?.code == .plugin)
    #expect(attempt.error?.isTransient == false)
    #expect(attempt.error?.location?.path == (try BadPlugins.path(name)))
    #expect(attempt.messages.isEmpty)
  }

  @Test(
    "A plugin that kills its process costs one attempt, and the error says how it ended",
    arguments: [
      ("segfault-in-run", "the plugin crashed: SIGSEGV (invalid memory access)"),
      ("null-pointer-in-run", "the plugin crashed: SIGSEGV (invalid memory access)"),
      ("abort-in-run", "the plugin crashed: SIGABRT (it gave up)"),
      ("exit-in-run", "the plugin ended its process with exit status 0 before the work was done"),
      ("killed-in-run", "the plugin was killed (SIGKILL), perhaps by the out-of-memory killer"),
      ("segfault-in-describe", "the worker, while it loaded the plugin, crashed: SIGSEGV (invalid memory access)"),
      (
        "exit-when-loaded",
        "the worker, while it loaded the plugin, ended its process with exit status 0 before the work was done"
      ),
      ("floods-stderr", "the plugin crashed: SIGABRT (it gave up)"),
      ("closes-3", "the plugin was killed (SIGKILL), perhaps by the out-of-memory killer"),
    ])
  func crash(name: String, message: String) throws {
    let attempt = try BadPlugins.workbench(name).run()
    #expect(attempt.error?.message == message)
    #expect(attempt.error?.code == .crashed)
    #expect(attempt.error?.isTransient == true)
  }

  @Test("The last lines that a crashed plugin wrote are in the error")
  func lastLines() throws {
    let crashed = try BadPlugins.workbench("segfault-in-run").run()
    #expect(crashed.error?.hint?.contains("about to crash") == true)
    let noisy = try BadPlugins.workbench("floods-stderr").run()
    #expect(noisy.error?.hint?.hasSuffix("noise 199998 | noise 199999") == true)
    let closed = try BadPlugins.workbench("closes-3").run()
    #expect(closed.error?.hint?.contains("the plugin closed the pipe") == true)
  }

  @Test(
    "A plugin whose result is no result fails for good",
    arguments: [
      ("unknown-status", "run() returned 42, which is no intray_status"),
      ("stops-unasked", "run() returned INTRAY_STOPPED, but nobody asked it to stop"),
      ("fails-silently", "run() failed and did not say why"),
    ])
  func badResult(name: String, reason: String) throws {
    let attempt = try BadPlugins.workbench(name).run()
    #expect(attempt.error?.description == "\(try BadPlugins.path(name)): \(reason)")
    #expect(attempt.error?.code == .plugin)
    #expect(attempt.error?.isTransient == false)
    #expect(attempt.messages == [.started(runner: name, version: "1.0.0")])
  }

  @Test(
    "A plugin of ABI 1.0, and one without a function 'plan', runs; asked to plan it says politely that it cannot",
    arguments: ["abi-1-0", "larger-size"])
  func cannotPlan(name: String) throws {
    let folder = try BadPlugins.folder()
    #expect(try PluginCatalog(folder: folder, worker: Workbench.worker).runner(named: name).description.name == name)
    #expect(try BadPlugins.workbench(name).run().exit == .finished)
    let attempt = try BadPlugins.workbench(name).run(to: .plan)
    #expect(attempt.error?.code == .unavailable)
    #expect(attempt.error?.isTransient == false)
    #expect(attempt.error?.message == "the runner '\(name)' cannot plan: its plugin has no function 'plan'")
  }

  @Test(
    "A plan that is no plan is refused with the reason",
    arguments: [
      ("plans-nothing", "plan(): plan.json: "), ("plans-garbage", "plan(): plan.json: not the JSON that was expected"),
      ("plans-without-memory", "plan(): plan.json: not the JSON that was expected: no key 'memory_bytes'"),
      ("plans-negative-memory", "plan(): plan.json: not the JSON that was expected: a negative memory_bytes"),
      ("plans-endlessly", "plan(): plan.json: larger than the limit of 4194304 bytes"),
      ("plans-a-link", "plan(): plan.json: "), ("plans-as-42", "plan() returned 42, which is no intray_status"),
    ])
  func badPlan(name: String, reason: String) throws {
    let error = try BadPlugins.workbench(name).run(to: .plan).error
    #expect(error?.code == .plugin)
    #expect(error?.isTransient == false)
    #expect(
      error?.description.hasPrefix("\(try BadPlugins.path(name)): \(reason)") == true, "\(String(describing: error))")
  }

  @Test("A plan that fails, and one that crashes, come with the plugin's error")
  func failingPlan() throws {
    #expect(
      try BadPlugins.workbench("fails-to-plan").run(to: .plan).error
        == IntrayError(.bug, "the parameter x is in no learning-rate group", hint: "put it into one"))
    let crash = try BadPlugins.workbench("segfault-in-plan").run(to: .plan).error
    #expect(crash?.message == "the plugin crashed: SIGSEGV (invalid memory access)")
    #expect(crash?.code == .crashed)
  }

  @Test("Error texts without their NUL, and with bad UTF-8, are cut and repaired")
  func errorTexts() throws {
    let unterminated = try BadPlugins.workbench("fails-without-nul").run().error
    #expect(unterminated?.message == String(repeating: "m", count: 1024))
    #expect(unterminated?.hint == String(repeating: "h", count: 512))
    #expect(unterminated?.code == .plugin)
    let broken = try BadPlugins.workbench("fails-with-bad-utf8").run().error
    #expect(broken == IntrayError(.data, "row \u{FFFD}\u{FFFD} is bad", isTransient: true))
  }

  @Test("Metrics that are no JSON object, and numbers that are none, are left out, and the log says so once")
  func metrics() throws {
    let attempt = try BadPlugins.workbench("bad-metrics").run()
    #expect(attempt.exit == .finished)
    #expect(
      attempt.reports.last
        == ProgressReport(done: 9, total: 9, metrics: ["loss": 0.5, "step": 3, "phase": "end"]))
    #expect(attempt.reports.allSatisfy { $0.done.isFinite && $0.total == 9 })
    #expect(
      attempt.lines.map(\.message) == [
        "metrics of more than 65536 bytes were left out of a progress report",
        "metrics that are no JSON object were left out of a progress report",
        "a progress report that is no number was left out",
      ])
  }

  @Test("Log lines of any kind arrive, cut and repaired")
  func logLines() throws {
    let attempt = try BadPlugins.workbench("bad-log-lines").run()
    #expect(attempt.exit == .finished)
    #expect(
      attempt.lines.map(\.message) == [
        "", "caf\u{E9} \u{FFFD}", "a log line came with 1000 fields; 32 are kept", "many",
        String(repeating: "x", count: 8192),
      ])
    #expect(attempt.lines.map(\.level) == [.error, .debug, .warning, .info, .info])
    #expect(attempt.lines[1].fields == ["NO_VALUE": "", "GOOD": "v\u{FFFD}"])
  }

  @Test("Garbage on the pipe ends the worker")
  func garbageOnPipe() throws {
    let attempt = try BadPlugins.workbench("writes-garbage-to-3").run()
    #expect(attempt.error?.code == .crashed)
    #expect(attempt.error?.message.contains("the worker's pipe carries a frame of") == true)
    #expect(attempt.messages == [.started(runner: "writes-garbage-to-3", version: "1.0.0")])
  }

  @Test("A flood of real messages past the throttle ends the worker")
  func framesOnPipe() throws {
    let start = SuspendingClock.now
    let attempt = try BadPlugins.workbench("writes-frames-to-3").run()
    let seconds = (SuspendingClock.now - start) / .seconds(1)
    #expect(attempt.error?.code == .crashed)
    #expect(attempt.error?.message == "the worker sent more than 300 messages a second")
    #expect(Double(attempt.messages.count) <= 2001 + 300 * seconds)
  }

  @Test("A plugin that logs without end keeps the host neither busy nor full")
  func endlessFlood() throws {
    let start = SuspendingClock.now
    let attempt = try BadPlugins.workbench("floods-log").run(after: .seconds(2)) { $0.kill() }
    let seconds = Int((SuspendingClock.now - start).components.seconds) + 1
    #expect(attempt.error?.message == "the worker was killed by Intray")
    #expect(attempt.lines.count > 50)
    #expect(attempt.lines.count <= seconds * 101 + 1)
    #expect(attempt.reports.count <= seconds * 10 + 1)
    #expect(attempt.checkpoints <= seconds + 1)
    #expect(attempt.lines.contains { $0.message.contains("lines suppressed") })
  }

  @Test("Of a hundred thousand lines and reports the last report arrives, and the number of lines left out")
  func finiteFlood() throws {
    let attempt = try BadPlugins.workbench("logs-100000-lines").run()
    #expect(attempt.exit == .finished)
    #expect(attempt.reports.last == ProgressReport(done: 100_000, total: 100_000))
    let suppressed = attempt.lines.compactMap { line in
      line.message.hasSuffix("lines suppressed: more than 100 in a second")
        ? Int(line.message.prefix { $0.isNumber }) : nil
    }
    #expect(attempt.lines.count { $0.message == "line" } + suppressed.reduce(0, +) == 100_000)
    #expect(!suppressed.isEmpty)
  }

  @Test("A plugin that does not heed a stop is killed")
  func hang() throws {
    let attempt = try BadPlugins.workbench("hang").run(
      after: .milliseconds(1500), meddle: { $0.kill() }, onMessage: { worker, _ in worker.requestStop() })
    #expect(attempt.messages.count == 1)
    #expect(attempt.error == IntrayError(.crashed, "the worker was killed by Intray", isTransient: true))
  }

  @Test("A plugin that lets the stop signal kill it has stopped")
  func resetsSignal() throws {
    let attempt = try BadPlugins.workbench("resets-sigterm").run(onMessage: { worker, message in
      if case .log = message { worker.requestStop() }
    })
    #expect(attempt.exit == .stopped)
  }

  @Test(
    "What a plugin leaves behind or does beside its work does no harm",
    arguments: ["leaves-thread", "crashes-at-exit", "prints-when-loaded", "larger-size"])
  func harmless(name: String) throws {
    #expect(try BadPlugins.workbench(name).run().exit == .finished)
  }

  @Test("A process that a plugin leaves behind ends with the worker")
  func leftProcess() throws {
    let bench = try BadPlugins.workbench("leaves-process")
    #expect(try bench.run().exit == .finished)
    let pid = try #require(Int32(String(contentsOfFile: "\(bench.output)/pid", encoding: .utf8)))
    let deadline = SuspendingClock.now.advanced(by: .seconds(30))
    while kill(pid, 0) == 0, !isZombie(pid), SuspendingClock.now < deadline { sched_yield() }
    #expect(kill(pid, 0) != 0 || isZombie(pid))
  }

  private func isZombie(_ pid: Int32) -> Bool {
    (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.contains(") Z") ?? true
  }
}
