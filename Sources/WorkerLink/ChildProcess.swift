import CLinux
import Foundation
import IntrayCore

/// A program started by the host, watched by its event loop.
///
/// (1) The child has exactly these descriptors: 0 reads `input`, 1 and 2 write to its standard error (1 is the output
///     instead, when `output` says so), `output` writes to the host, 4 is the lifeline: it ends when the host's process
///     ends. Nothing else of the host's leaks into it, and nothing of one child's into another.
/// (2) The child leads a process group of its own, with all signals unblocked and at their defaults. When it ends, what
///     is left of the group is killed.
/// (3) `onExit` is called once, after all that the child wrote has been handed to `onOutput`.
/// (4) The host never waits for a child and never keeps more than `tailLimit` bytes of its standard error.
/// (5) A child whose owner and event loop are gone is killed.
public final class ChildProcess {
  /// How a process ended.
  public enum End: Sendable, Equatable {
    case exited(Int32)
    case signal(Int32)
  }

  /// The descriptor of the child that reaches `onOutput`.
  public enum Output: Int32, Sendable {
    case standardOutput = 1
    /// Free for a protocol: prints of the program do not disturb it.
    case descriptor3 = 3
  }

  /// The child's number for the lifeline.
  public static let lifeline: Int32 = 4

  /// How much is kept of what the child wrote last to its standard error, in bytes.
  public static let tailLimit = 8 << 10

  /// What the child must not inherit: it is not the service that systemd talks to.
  private static let withheldEnvironment = [
    "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "MAINPID",
  ]

  public let pid: Int32
  private let output: Descriptor
  private let errors: Descriptor
  /// Held, never written: the child sees its end when this process ends in whatever way.
  private let lifelineEnd: Descriptor
  private let exit: Descriptor
  private let onOutput: (UnsafeRawBufferPointer) -> Void
  private let onExit: (End, _ lastErrors: String) -> Void
  private var outputWatch: EventLoop.Watch?
  private var errorsWatch: EventLoop.Watch?
  private var exitWatch: EventLoop.Watch?
  private var tail: [UInt8] = []
  private var isReaped = false
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

  /// Starts a program.
  /// - Parameters:
  ///   - input: what it reads on its standard input; any size.
  ///   - onOutput: gets what it writes on `output`, in pieces of any size, lent for the call.
  ///   - onExit: gets how it ended and the last lines of its standard error.
  /// - Throws: `IntrayError(.missing)` when there is no such program, `.system` when the system has no room for it.
  public init(
    _ executable: String, _ arguments: [String], input: Data = Data(), output: Output, on loop: EventLoop,
    onOutput: @escaping (UnsafeRawBufferPointer) -> Void, onExit: @escaping (End, _ lastErrors: String) -> Void
  ) throws {
    let standardInput = try Descriptor(
      input.withUnsafeBytes { intray_memory_file($0.baseAddress, $0.count) }, "memfd_create")
    let outputPipe = try Pipe()
    let errorsPipe = try Pipe()
    let lifelinePipe = try Pipe()
    try outputPipe.reading.setNonBlocking()
    try errorsPipe.reading.setNonBlocking()
    pid = try Self.spawn(executable, arguments) { actions in
      posix_spawn_file_actions_adddup2(&actions, standardInput.number, 0)
      posix_spawn_file_actions_adddup2(&actions, errorsPipe.writing.number, 2)
      posix_spawn_file_actions_adddup2(&actions, errorsPipe.writing.number, 1)
      posix_spawn_file_actions_addclose(&actions, 3)
      posix_spawn_file_actions_adddup2(&actions, outputPipe.writing.number, output.rawValue)
      posix_spawn_file_actions_adddup2(&actions, lifelinePipe.reading.number, Self.lifeline)
      intray_spawn_close_from(&actions, Self.lifeline + 1)
    }
    self.output = outputPipe.reading
    errors = errorsPipe.reading
    lifelineEnd = lifelinePipe.writing
    self.onOutput = onOutput
    self.onExit = onExit
    do {
      exit = try Descriptor(intray_pidfd_open(pid), "pidfd_open")
    } catch {
      Self.end(pid)
      buffer.deallocate()
      throw error
    }
    outputWatch = loop.watch(descriptor: self.output.number) { [self] in
      if try !readOutput() { outputWatch?.cancel() }
    }
    errorsWatch = loop.watch(descriptor: errors.number) { [self] in
      if try !readErrors() { errorsWatch?.cancel() }
    }
    exitWatch = loop.watch(descriptor: exit.number) { [self] in try finish() }
  }

  deinit {
    if !isReaped { Self.end(pid) }
    buffer.deallocate()
  }

  /// Sends a signal to the child alone. Once the child has ended this does nothing.
  public func send(_ signal: Int32) {
    if !isReaped { _ = Glibc.kill(pid, signal) }
  }

  /// Kills the child and all that is left of its process group. `onExit` follows.
  public func kill() {
    if !isReaped { _ = Glibc.kill(-pid, SIGKILL) }
  }

  /// No more output is read: what the child still writes is lost, and its pipe is broken once it ends.
  public func ignoreOutput() { outputWatch?.cancel() }

  /// One read; false at the end of the stream, or when there is nothing.
  private func readOutput() throws -> Bool {
    let count = try output.read(into: buffer)
    guard let count, count > 0 else { return count == nil }
    onOutput(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    return true
  }

  private func readErrors() throws -> Bool {
    let count = try errors.read(into: buffer)
    guard let count, count > 0 else { return count == nil }
    tail.append(contentsOf: buffer[..<count].suffix(Self.tailLimit))
    if tail.count > Self.tailLimit { tail.removeFirst(tail.count - Self.tailLimit) }
    return true
  }

  private func finish() throws {
    // While the leader is a zombie its number cannot belong to anybody else, so this hits only its own group.
    _ = Glibc.kill(-pid, SIGKILL)
    var status: Int32 = 0
    let waited = SystemCall.retrying { Int(waitpid(pid, &status, 0)) }
    guard waited == pid else { throw SystemCall.error("waitpid") }
    isReaped = true
    exitWatch?.cancel()
    // A grandchild that left the group may hold the pipes open and go on writing: take what is there, at most as much
    // as a pipe can hold (1 MiB, pipe(7)), and do not wait for the end.
    try drain(outputWatch) { try readOutput() }
    try drain(errorsWatch) { try readErrors() }
    let signal = status & 0x7f
    onExit(signal == 0 ? .exited(status >> 8 & 0xff) : .signal(signal), lastErrors)
  }

  private func drain(_ watch: EventLoop.Watch?, _ readSome: () throws -> Bool) throws {
    guard let watch, watch.isActive else { return }
    watch.cancel()
    for _ in 0..<((1 << 20) / buffer.count + 1) where try !readSome() { return }
  }

  private static func end(_ pid: Int32) {
    _ = Glibc.kill(-pid, SIGKILL)
    _ = SystemCall.retrying { Int(waitpid(pid, nil, 0)) }
  }

  private var lastErrors: String { String(decoding: tail, as: UTF8.self) }

  private static func spawn(
    _ executable: String, _ arguments: [String], _ addFileActions: (inout posix_spawn_file_actions_t) -> Void
  ) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    addFileActions(&actions)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The host blocks the signals that it reads from a signalfd, and may ignore SIGPIPE; a child inherits both.
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

    var variables = ProcessInfo.processInfo.environment
    for name in withheldEnvironment { variables[name] = nil }
    // Swift's own crash handler fills the standard error with registers, and lets a program that signalled itself go
    // on. Who wants it sets the variable.
    if variables["SWIFT_BACKTRACE"] == nil { variables["SWIFT_BACKTRACE"] = "enable=no" }
    let argv = CStrings([executable] + arguments)
    let environment = CStrings(variables.map { "\($0)=\($1)" })
    var pid: pid_t = 0
    let error = posix_spawn(&pid, executable, &actions, &attributes, argv.pointers, environment.pointers)
    guard error == 0 else {
      let code: IntrayError.Code = error == ENOENT ? .missing : .system
      throw IntrayError(
        code, "cannot be started: \(String(cString: strerror(error)))", at: .init(executable),
        isTransient: error == EAGAIN || error == ENOMEM)
    }
    return pid
  }
}

/// A NULL-terminated array of C strings, as exec wants it.
private final class CStrings {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    pointers = .allocate(capacity: count + 1)
    for (index, string) in strings.enumerated() { (pointers + index).initialize(to: strdup(string)) }
    (pointers + count).initialize(to: nil)
  }

  deinit {
    for index in 0..<count { free(pointers[index]) }
    pointers.deallocate()
  }
}
