import Foundation
import IntrayCore
import TestSupport
import Testing
import WorkerLink

@Suite("Child processes")
struct ChildProcessTests {
  private struct Outcome {
    var end: ChildProcess.End?
    var output = Data()
    var errors = ""
    var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// Runs `sh -c SCRIPT` to its end; `during` gets the child once it has written something.
  private func run(
    _ script: String, input: Data = Data(), output: ChildProcess.Output = .standardOutput,
    during: @escaping (ChildProcess) -> Void = { _ in }
  ) throws -> Outcome {
    let loop = EventLoop()
    var outcome = Outcome()
    var child: ChildProcess?
    child = try ChildProcess(
      "/bin/sh", ["-c", script], input: input, output: output, on: loop,
      onOutput: {
        #expect(outcome.end == nil)
        let isFirst = outcome.output.isEmpty
        outcome.output.append(contentsOf: $0)
        if isFirst, let child { during(child) }
      },
      onExit: {
        #expect(outcome.end == nil)
        (outcome.end, outcome.errors) = ($0, $1)
        loop.stop()
      })
    loop.after(.seconds(60)) {
      Issue.record("'\(script)' does not end")
      child?.kill()
    }
    try loop.run()
    return outcome
  }

  @Test("The exit status and the signal are told")
  func ends() throws {
    #expect(try run("exit 0").end == .exited(0))
    #expect(try run("exit 3").end == .exited(3))
    #expect(try run("kill -SEGV $$").end == .signal(SIGSEGV))
    #expect(try run("kill -KILL $$").end == .signal(SIGKILL))
  }

  @Test("All output arrives before the end is told")
  func completeOutput() throws {
    // More than a pipe holds.
    let outcome = try run("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done")
    #expect(outcome.text.split(separator: "\n").count == 20000)
    #expect(outcome.text.hasSuffix("line 19999\n"))
  }

  @Test("Input of any size can be read")
  func input() throws {
    let input = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    #expect(try run("cat", input: input).output == input)
    #expect(try run("cat").output.isEmpty)
  }

  @Test("The child has the descriptors it needs and no other")
  func descriptors() throws {
    // An open file of the host that is not close-on-exec, and another child's pipes.
    let stray = open("/dev/null", O_RDONLY)
    defer { close(stray) }
    let loop = EventLoop()
    let other = try ChildProcess(
      "/bin/sh", ["-c", "read line"], output: .descriptor3, on: loop, onOutput: { _ in }, onExit: { _, _ in })
    // The shell itself reads the folder through the lowest free number: 3, or 5 where 3 is the output.
    let list = "for f in /proc/$$/fd/*; do printf '%s ' ${f##*/}"
    let forOutput = try run("\(list); done").text
    #expect(forOutput == "0 1 2 3 4 ")
    let forDescriptor3 = try run("\(list) >&3; done", output: .descriptor3).text
    #expect(forDescriptor3 == "0 1 2 3 4 5 ")
    other.kill()
  }

  @Test("Signals are unblocked and at their defaults")
  func signals() throws {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    defer { pthread_sigmask(SIG_UNBLOCK, &set, nil) }
    let masks = try run("grep -E 'Sig(Blk|Ign)' /proc/self/status").text
    // glibc's posix_spawn sets its own two, 32 and 33, to be ignored.
    #expect(masks == "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n")
  }

  @Test("The child does not get systemd's variables, and all others")
  func environment() throws {
    setenv("NOTIFY_SOCKET", "/nowhere", 1)
    setenv("INTRAY_TEST_VARIABLE", "passed on", 1)
    defer {
      unsetenv("NOTIFY_SOCKET")
      unsetenv("INTRAY_TEST_VARIABLE")
    }
    #expect(try run("echo \"${NOTIFY_SOCKET-none} $INTRAY_TEST_VARIABLE\"").text == "none passed on\n")
  }

  @Test("Of the standard error the last 8 KiB are kept")
  func errorTail() throws {
    let outcome = try run("i=0; while [ $i -lt 5000 ]; do echo error $i >&2; i=$((i + 1)); done; exit 1")
    #expect(outcome.errors.utf8.count == ChildProcess.tailLimit)
    #expect(outcome.errors.hasSuffix("error 4998\nerror 4999\n"))
  }

  @Test("With output on descriptor 3, prints go to the standard error")
  func descriptor3() throws {
    let outcome = try run("echo printed; echo sent >&3", output: .descriptor3)
    #expect(outcome.text == "sent\n")
    #expect(outcome.errors == "printed\n")
  }

  @Test("What the child started ends with it")
  func group() throws {
    let outcome = try run("sleep 1000 & echo $!; exit 0")
    let grandchild = try #require(Int32(outcome.text.trimmingCharacters(in: .newlines)))
    // SIGKILL was sent before the end was told; the kernel may need a moment to carry it out.
    let deadline = SuspendingClock.now.advanced(by: .seconds(30))
    while isAlive(grandchild), SuspendingClock.now < deadline { sched_yield() }
    #expect(!isAlive(grandchild))
  }

  @Test("A grandchild that left the group and keeps the pipes open does not delay the end")
  func escapedGrandchild() throws {
    let outcome = try run("setsid sleep 1000 & echo $!; exit 7")
    #expect(outcome.end == .exited(7))
    if let grandchild = Int32(outcome.text.trimmingCharacters(in: .newlines)) { kill(grandchild, SIGKILL) }
  }

  @Test("A child can be killed, and asked to end")
  func kills() throws {
    #expect(try run("echo; sleep 1000") { $0.kill() }.end == .signal(SIGKILL))
    #expect(try run("trap 'exit 5' TERM; echo; while :; do sleep 0.01; done") { $0.send(SIGTERM) }.end == .exited(5))
  }

  @Test("A child that ended can be killed without harm")
  func lateKill() throws {
    let loop = EventLoop()
    let child = try ChildProcess(
      "/bin/sh", ["-c", "exit 0"], output: .standardOutput, on: loop, onOutput: { _ in }, onExit: { _, _ in })
    try loop.run()
    child.kill()
    child.send(SIGTERM)
  }

  @Test("A child whose event loop is gone is killed")
  func abandoned() throws {
    var pid: Int32 = 0
    do {
      let loop = EventLoop()
      let child = try ChildProcess(
        "/bin/sh", ["-c", "sleep 1000"], output: .standardOutput, on: loop, onOutput: { _ in }, onExit: { _, _ in })
      pid = child.pid
      #expect(isAlive(pid))
    }
    #expect(!isAlive(pid))
  }

  @Test("A missing program is an error that names it")
  func missing() {
    let error = #expect(throws: IntrayError.self) {
      _ = try ChildProcess(
        "/no/such/program", [], output: .standardOutput, on: EventLoop(), onOutput: { _ in }, onExit: { _, _ in })
    }
    #expect(error?.code == .missing)
    #expect(error?.location?.path == "/no/such/program")
  }

  private func isAlive(_ pid: Int32) -> Bool {
    guard let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !state.contains(") Z")
  }
}
