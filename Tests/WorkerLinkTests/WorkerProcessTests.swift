import Foundation
import IntrayCore
import TestSupport
import Testing
import WorkerLink

/// The host's side, with shell scripts that play the worker.
@Suite("Worker processes")
struct WorkerProcessTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let started = WorkerMessage.started(runner: "r", version: "1")

  /// A shell command that sends the messages.
  private func send(_ messages: WorkerMessage...) throws -> String {
    let bytes = try messages.reduce(into: Data()) { $0.append(try Frame.encode(JSON.encode($1))) }
    return "printf '\(bytes.map { String(format: "\\%03o", $0) }.joined())' >&3"
  }

  private func run(
    _ script: String, during: @escaping (WorkerProcess, WorkerMessage) -> Void = { _, _ in }
  ) throws -> (exit: WorkerExit?, messages: [WorkerMessage]) {
    let executable = try folder.writeScript(script, to: "worker")
    let task = WorkerTask(
      plugin: "/p.so", spec: JobSpec(name: "n", run: "r", data: JobData()), inputFolder: "/", outputFolder: "/",
      workFolder: "/", modelsFolder: "/", attempt: 1, threads: 1)
    let loop = EventLoop()
    var exit: WorkerExit?
    var messages: [WorkerMessage] = []
    var worker: WorkerProcess?
    worker = try WorkerProcess.start(
      task, worker: executable, on: loop,
      onMessage: {
        #expect(exit == nil)
        messages.append($0)
        if let worker { during(worker, $0) }
      },
      onExit: {
        #expect(exit == nil)
        exit = $0
        loop.stop()
      })
    loop.after(.seconds(60)) {
      Issue.record("the worker does not end")
      worker?.kill()
    }
    try loop.run()
    return (exit, messages)
  }

  private func failure(_ script: String) throws -> IntrayError? {
    if case .failed(let error)? = try run(script).exit { error } else { nil }
  }

  @Test("The task is read from the standard input")
  func task() throws {
    _ = try run("cat > '\(folder.path)/task'")
    let task: WorkerTask = try JSON.decode(
      from: Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/task")), path: "task")
    #expect(task.plugin == "/p.so")
    #expect(task.spec.run == "r")
  }

  @Test("Messages arrive in order, the final one as the exit")
  func finished() throws {
    let (exit, messages) = try run(try send(Self.started, .checkpointSaved, .finished))
    #expect(exit == .finished)
    #expect(messages == [Self.started, .checkpointSaved])
  }

  @Test("A stop that was heeded is told")
  func stopped() throws {
    let script = "trap '\(try send(.stopped).replacingOccurrences(of: "'", with: "'\\''")); exit 0' TERM"
    let (exit, _) = try run("\(script)\n\(try send(Self.started))\nwhile :; do sleep 0.01; done") { worker, _ in
      worker.requestStop()
    }
    #expect(exit == .stopped)
  }

  @Test("A worker that a stop met before it could catch it has stopped, too")
  func stoppedEarly() throws {
    #expect(try run("kill -TERM $$").exit == .stopped)
  }

  @Test("A worker that dies of SIGTERM by itself has crashed")
  func strayTermination() throws {
    let error = try failure("\(try send(Self.started))\nkill -TERM $$")
    #expect(error?.message == "the plugin crashed: SIGTERM")
  }

  @Test("The plugin's error arrives whole")
  func failed() throws {
    let sent = IntrayError(.data, "no column", at: .init("a.csv", line: 1), hint: "known: id")
    #expect(try failure("\(try send(Self.started, .failed(FailureReport(sent)))); exit 65") == sent)
  }

  @Test("A final message counts, however the process ends")
  func crashAfterTheEnd() throws {
    #expect(try run("\(try send(Self.started, .finished)); kill -SEGV $$").exit == .finished)
  }

  @Test(
    "A worker that ends without a final message has crashed; the error says how, and may be tried again",
    arguments: [
      ("kill -SEGV $$", "the plugin crashed: SIGSEGV (invalid memory access)"),
      ("kill -ABRT $$", "the plugin crashed: SIGABRT (it gave up)"),
      ("kill -KILL $$", "the plugin was killed (SIGKILL), perhaps by the out-of-memory killer"),
      ("exit 0", "the plugin ended its process with exit status 0 before the work was done"),
      ("exit 9", "the plugin ended its process with exit status 9 before the work was done"),
    ])
  func crashes(ending: String, expected: String) throws {
    let error = try failure("\(try send(Self.started)); echo last words >&2; \(ending)")
    #expect(error?.message == expected)
    #expect(error?.code == .crashed)
    #expect(error?.isTransient == true)
    #expect(error?.hint?.hasSuffix("its last lines were: last words") == true)
  }

  @Test("A crash before the plugin runs says so")
  func crashWhileLoading() throws {
    #expect(try failure("kill -BUS $$")?.message.hasPrefix("the worker, while it loaded the plugin, crashed") == true)
  }

  @Test("A worker that Intray killed says so")
  func killed() throws {
    let (exit, _) = try run("\(try send(Self.started)); sleep 1000") { worker, _ in worker.kill() }
    #expect(exit == .failed(IntrayError(.crashed, "the worker was killed by Intray", isTransient: true)))
  }

  @Test("Garbage on the pipe ends the worker, and nothing after it counts")
  func garbage() throws {
    for garbage in ["printf garbage >&3", "printf '\\002\\000\\000\\000{}' >&3", "printf '\\001\\000\\000\\000x' >&3"] {
      let (exit, messages) = try run("\(try send(Self.started)); \(garbage); \(try send(.finished)); sleep 1000")
      guard case .failed(let error)? = exit else {
        Issue.record("\(garbage): \(String(describing: exit))")
        continue
      }
      #expect(error.code == .crashed)
      #expect(error.message.contains("the worker's pipe carries a frame"))
      #expect(messages == [Self.started])
    }
  }

  @Test("A message after the final one ends the worker")
  func afterTheEnd() throws {
    let error = try failure("\(try send(Self.started, .finished, .checkpointSaved)); sleep 1000")
    #expect(error?.message == "the worker went on after its final message")
  }
}
