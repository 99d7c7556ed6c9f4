import FileKit
import Foundation
import IntrayCore
import PluginHost
import TestSupport
import Testing
import WorkerLink

@Suite("The worker")
struct WorkerProgramTests {
  private static let echo = "\(Checkout.products)/libEcho.so"

  private func echo(_ with: [String: JSONValue] = [:]) throws -> Workbench {
    let parameters: [String: JSONValue] = ["repeat": 1, "delay_ms": 0, "fail": "none"]
    let bench = try Workbench(
      plugin: Self.echo,
      spec: JobSpec(
        name: "test", run: "echo", data: JobData(files: ["input": DataFile(path: "a.txt")]),
        with: parameters.merging(with) { $1 }))
    try bench.folder.write("one\ntwo\n", to: "input/a.txt")
    return bench
  }

  @Test("It starts with an empty output folder")
  func emptiesOutput() throws {
    let bench = try echo()
    try bench.folder.write("of an earlier attempt", to: "output/folder/old")
    #expect(try bench.run().exit == .finished)
    #expect(Set(try Workbench.content(bench.output).keys) == ["a.txt", "metrics.json"])
  }

  @Test("It refuses folders that are missing or relative, and a runner that is another")
  func badTasks() throws {
    let bench = try echo()
    bench.models = "/no/such/folder"
    #expect(
      try bench.run().error == IntrayError(.missing, "no such folder", at: .init("/no/such/folder"), isTransient: true))
    bench.models = "relative"
    #expect(try bench.run().error?.code == .bug)
    let other = try echo()
    other.spec.run = "ocho"
    #expect(try other.run().error?.message == "describes itself as 'echo', the job asks for 'ocho'")
    let missing = try Workbench(plugin: "/no/such/libEcho.so", spec: other.spec)
    #expect(try missing.run().error == IntrayError(.plugin, "no such plugin", at: .init("/no/such/libEcho.so")))
  }

  @Test("Two workers never use one work folder: the second waits, and gives up after a while")
  func workFolderLock() throws {
    let bench = try echo()
    var lock = try FileLock("\(bench.work)/.worker.lock")
    #expect(lock != nil)
    let refused = try bench.run().error
    #expect(refused?.message == "another worker still uses this folder")
    #expect(refused?.isTransient == true)
    // It is given back while the second worker waits.
    let attempt = try bench.run(after: .milliseconds(300)) { _ in lock = nil }
    #expect(attempt.exit == .finished)
  }

  @Test("A stop while it waits for the work folder is heeded")
  func stopWhileWaiting() throws {
    let bench = try echo()
    let lock = try FileLock("\(bench.work)/.worker.lock")
    let attempt = try bench.run(after: .milliseconds(300)) { $0.requestStop() }
    #expect(attempt.exit == .stopped)
    withExtendedLifetime(lock) {}
  }

  @Test("It is named after its runner, and the kernel takes it first when memory runs out")
  func process() throws {
    var name = ""
    var adjustment = ""
    let attempt = try BadPlugins.workbench("hang").run(onMessage: { worker, _ in
      name = (try? String(contentsOfFile: "/proc/\(worker.pid)/comm", encoding: .utf8)) ?? ""
      adjustment = (try? String(contentsOfFile: "/proc/\(worker.pid)/oom_score_adj", encoding: .utf8)) ?? ""
      worker.kill()
    })
    #expect(attempt.messages.count == 1)
    #expect(name == "intray:hang\n")
    #expect(adjustment == "500\n")
  }

  @Test("It ends within a second when its host is killed, whatever the plugin does")
  func hostIsKilled() throws {
    let bench = try BadPlugins.workbench("hang")
    try bench.folder.write(JSON.encode(bench.task()), to: "task")
    // A shell that plays the host: it holds the lifeline, the test reads the frames.
    let script = """
      cd '\(bench.folder.path)'
      mkfifo lifeline
      exec 5<>lifeline
      '\(Workbench.worker)' <task 3>&1 4<lifeline 5>&- 2>/dev/null &
      echo $! >pid
      wait
      """
    let host = TestProcess("/bin/sh", ["-c", script])
    let frames = Pipe()
    try host.run(output: frames)
    var decoder = FrameDecoder()
    var started: Data?
    while started == nil {
      let bytes = frames.fileHandleForReading.availableData
      try #require(!bytes.isEmpty)
      bytes.withUnsafeBytes { decoder.append($0) }
      started = try decoder.next()
    }
    let pid = try #require(
      Int32(String(contentsOfFile: "\(bench.folder.path)/pid", encoding: .utf8).trimmingCharacters(in: .newlines)))
    #expect(kill(pid, 0) == 0)
    let time = SuspendingClock.now
    host.send(SIGKILL)
    // The pipe of frames ends with the worker.
    while !frames.fileHandleForReading.availableData.isEmpty {}
    #expect(SuspendingClock.now - time < .seconds(1))
    host.waitUntilExit()
  }

  @Test("By hand it says what it is for")
  func usage() throws {
    let loop = EventLoop()
    var end: ChildProcess.End?
    var errors = ""
    _ = try ChildProcess(
      Workbench.worker, ["--help"], output: .standardOutput, on: loop, onOutput: { _ in },
      onExit: { (end, errors) = ($0, $1) })
    try loop.run()
    #expect(end == .exited(64))
    #expect(errors == "intray-worker is started by intrayd and intray; by hand: intray-worker --describe PLUGIN\n")
  }

  @Test("A task that is no task is refused")
  func garbageTask() throws {
    let loop = EventLoop()
    var decoder = FrameDecoder()
    var end: ChildProcess.End?
    _ = try ChildProcess(
      Workbench.worker, [], input: Data("{}".utf8), output: .descriptor3, on: loop,
      onOutput: { decoder.append($0) }, onExit: { status, _ in end = status })
    try loop.run()
    #expect(end == .exited(70))
    let body = try #require(try decoder.next())
    guard case .failed(let report) = try JSON.decode(WorkerMessage.self, from: body, path: "frame") else {
      Issue.record("not a failure")
      return
    }
    #expect(report.code == "bug")
  }
}
