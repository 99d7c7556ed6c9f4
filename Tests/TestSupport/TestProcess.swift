import CLinux
import Foundation
import Synchronization

/// Foundation's `Process` for tests that start many programs at once.
///
/// (1) A child gets descriptors 0, 1 and 2 and no other. Foundation's own class lets a descriptor that another thread
///     is just making slip into a child: then a pipe never ends, and `waitUntilExit` waits for the wrong program.
/// (2) Its end is learnt from the kernel (waitid(2)), not from a pipe.
public final class TestProcess: Sendable {
  private struct State {
    var pid: Int32 = 0
    /// As waitpid(2) gives it, once the child is reaped.
    var status: Int32?
  }

  public let executable: String
  public let arguments: [String]
  /// nil takes this process's own.
  public let environment: [String: String]?
  public let folder: String?
  private let state = Mutex(State())

  public init(
    _ executable: String, _ arguments: [String] = [], environment: [String: String]? = nil, folder: String? = nil
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.folder = folder
  }

  /// Starts it. A pipe's writing end is closed here once the child has it.
  public func run(input: FileHandle = .nullDevice, output: Pipe? = nil, errors: Pipe? = nil) throws {
    try run(input: input, output: output?.fileHandleForWriting, errors: errors?.fileHandleForWriting)
    try output?.fileHandleForWriting.close()
    try errors?.fileHandleForWriting.close()
  }

  /// - Parameters: nil leaves the child this process's own.
  public func run(input: FileHandle = .nullDevice, output: FileHandle?, errors: FileHandle?) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input.fileDescriptor, 0)
    if let output { posix_spawn_file_actions_adddup2(&actions, output.fileDescriptor, 1) }
    if let errors { posix_spawn_file_actions_adddup2(&actions, errors.fileDescriptor, 2) }
    intray_spawn_close_from(&actions, 3)
    if let folder { intray_spawn_change_folder(&actions, folder) }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))

    let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0)=\($1)" }
    var pid: Int32 = 0
    let code = withCStrings([executable] + arguments) { arguments in
      withCStrings(variables) { variables in
        posix_spawn(&pid, executable, &actions, &attributes, arguments, variables)
      }
    }
    guard code == 0 else {
      throw CocoaError(
        .executableLoad, userInfo: [NSDebugDescriptionErrorKey: "\(executable): \(String(cString: strerror(code)))"])
    }
    state.withLock { $0.pid = pid }
  }

  public var processIdentifier: Int32 { state.withLock { $0.pid } }

  public var isRunning: Bool { state.withLock { $0.pid > 0 && Self.reap(&$0) == nil } }

  public func waitUntilExit() {
    let pid = processIdentifier
    guard pid > 0 else { return }
    var info = siginfo_t()
    // Left to be reaped under the lock: its number stays its own until then.
    while state.withLock({ $0.status == nil }), waitid(P_PID, UInt32(pid), &info, WEXITED | WNOWAIT) != 0,
      errno == EINTR
    {}
    _ = state.withLock { Self.reap(&$0) }
  }

  /// The exit status, or the signal that ended it.
  public var terminationStatus: Int32 {
    state.withLock { state in
      guard let status = Self.reap(&state) else { return -1 }
      return status & 0x7f == 0 ? status >> 8 & 0xff : status & 0x7f
    }
  }

  /// Whether a signal ended it.
  public var wasKilled: Bool { state.withLock { Self.reap(&$0).map { $0 & 0x7f != 0 } ?? false } }

  public func send(_ signal: Int32) {
    state.withLock { if $0.pid > 0, Self.reap(&$0) == nil { _ = kill($0.pid, signal) } }
  }

  private static func reap(_ state: inout State) -> Int32? {
    if let status = state.status { return status }
    var status: Int32 = 0
    guard waitpid(state.pid, &status, WNOHANG) == state.pid else { return nil }
    state.status = status
    return status
  }
}

/// Lends the strings as a list for execve(2).
private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var pointers = strings.map { strdup($0) } + [nil]
  defer { for pointer in pointers { free(pointer) } }
  return pointers.withUnsafeMutableBufferPointer { buffer in
    guard let start = buffer.baseAddress else { preconditionFailure("an array of one element at least has an address") }
    return body(start)
  }
}
