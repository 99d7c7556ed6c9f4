import CLinux
import Foundation
import IntrayCore

/// A program that stays and answers: for each text that it reads up to a NUL it writes one up to a NUL.
///
/// (1) The child has descriptors 0, 1 and 2 and no other, and leads a process group of its own, which ends with its
///     owner.
/// (2) Writing and reading go on at the same time, so no pipe can fill up and stop both.
/// (3) Who waits for it is never stopped for good: an answer that takes too long is an error.
///
/// Not for several threads at once.
final class TranslatorProcess {
  /// It ended, or it does not answer: another one may do better.
  struct Failure: Error {
    let message: String
  }

  /// What is kept of its standard error, in bytes.
  private static let tailLimit = 2048
  /// How often one looks whether to stop.
  private static let look: Int32 = 200
  /// Bytes of one answer; a program that writes without end is no translator.
  private static let longestAnswer = 64 << 20

  private let pid: pid_t
  private let input: Int32
  private let output: Int32
  private let errors: Int32
  private var tail: [UInt8] = []
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

  /// - Throws: `IntrayError(.missing)` for a program that is not there, `.system` when it cannot be started.
  init(_ executable: String, _ arguments: [String]) throws {
    let pipes = try [Pipe(), Pipe(), Pipe()]
    defer { for pipe in pipes { pipe.closeBoth() } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pipes[0].reading, 0)
    posix_spawn_file_actions_adddup2(&actions, pipes[1].writing, 1)
    posix_spawn_file_actions_adddup2(&actions, pipes[2].writing, 2)
    intray_spawn_close_from(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A worker ignores SIGPIPE; a pipeline must not inherit that, or its parts outlive each other.
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    // Texts are UTF-8, whatever the service's locale is.
    let variables = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C.UTF-8"]) { $1 }
    var child: pid_t = 0
    let code = withCStrings([executable] + arguments) { arguments in
      withCStrings(variables.map { "\($0)=\($1)" }) { variables in
        posix_spawn(&child, executable, &actions, &attributes, arguments, variables)
      }
    }
    guard code == 0 else {
      throw IntrayError(
        code == ENOENT ? .missing : .system, "cannot be started: \(String(cString: strerror(code)))",
        at: .init(executable), isTransient: code == EAGAIN || code == ENOMEM)
    }
    pid = child
    input = pipes[0].takeWriting()
    output = pipes[1].takeReading()
    errors = pipes[2].takeReading()
    for descriptor in [input, output, errors] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
  }

  deinit {
    for descriptor in [input, output, errors] { close(descriptor) }
    // As long as the leader is not reaped its number is its own.
    kill(-pid, SIGKILL)
    while waitpid(pid, nil, 0) == -1 && errno == EINTR {}
    buffer.deallocate()
  }

  /// The answers to some texts, in their order.
  ///
  /// - Parameters:
  ///   - texts: without NUL.
  ///   - patience: how long nothing may come while an answer is due.
  /// - Throws: `Failure` when the program ends or does not answer; then it is of no use any more. `TranslationStopped`
  ///   when `shouldStop` says so.
  func translate(_ texts: [String], patience: Duration, shouldStop: () -> Bool) throws -> [String] {
    var waiting: [UInt8] = []
    for text in texts {
      waiting.append(contentsOf: text.utf8)
      waiting.append(0)
    }
    var sent = 0
    var answers: [String] = []
    var answer: [UInt8] = []
    var deadline = ContinuousClock.now + patience
    while answers.count < texts.count {
      if shouldStop() { throw TranslationStopped() }
      if ContinuousClock.now > deadline { throw failure("does not answer") }
      var descriptors = [
        pollfd(fd: output, events: Int16(POLLIN), revents: 0), pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
        pollfd(fd: sent < waiting.count ? input : -1, events: Int16(POLLOUT), revents: 0),
      ]
      guard poll(&descriptors, 3, Self.look) >= 0 || errno == EINTR else { throw failure("cannot be watched") }
      if descriptors[1].revents != 0 { readErrors() }
      if descriptors[2].revents != 0 {
        let count = waiting[sent...].withUnsafeBytes { writeWithoutSignal($0) }
        if count > 0 {
          sent += count
          deadline = ContinuousClock.now + patience
        } else if errno == EPIPE {
          // What it has answered before it ended is still to be read.
          sent = waiting.count
        }
      }
      guard descriptors[0].revents != 0 else { continue }
      let count = read(output, buffer.baseAddress, buffer.count)
      if count == 0 { throw failure("has ended") }
      guard count > 0 else { continue }
      deadline = ContinuousClock.now + patience
      for byte in buffer[..<count] {
        if byte != 0 {
          answer.append(byte)
        } else {
          answers.append(String(decoding: answer, as: UTF8.self))
          answer.removeAll(keepingCapacity: true)
        }
      }
      if answers.count > texts.count || answer.count > Self.longestAnswer { throw failure("answers too much") }
    }
    return answers
  }

  private func readErrors() {
    let count = read(errors, buffer.baseAddress, buffer.count)
    guard count > 0 else { return }
    tail.append(contentsOf: buffer[..<count])
    if tail.count > Self.tailLimit { tail.removeFirst(tail.count - Self.tailLimit) }
  }

  /// What it said last, if anything, belongs to the message.
  private func failure(_ message: String) -> Failure {
    readErrors()
    let said = String(decoding: tail, as: UTF8.self).split(whereSeparator: \.isNewline).last
    return Failure(message: message + (said.map { ": \($0)" } ?? ""))
  }

  /// write(2) whose SIGPIPE, where the process does not ignore it, is taken away again.
  private func writeWithoutSignal(_ bytes: UnsafeRawBufferPointer) -> Int {
    var (pipe, before) = (sigset_t(), sigset_t())
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &pipe, &before)
    let count = write(input, bytes.baseAddress, bytes.count)
    let code = errno
    if count < 0 && code == EPIPE && sigismember(&before, SIGPIPE) == 0 {
      var now = timespec()
      _ = sigtimedwait(&pipe, nil, &now)
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    errno = code
    return count
  }
}

/// The job was asked to stop while a translator worked.
public struct TranslationStopped: Error {
  public init() {}
}

/// A pipe whose ends are closed with it, but for those that were taken.
private final class Pipe {
  private(set) var reading: Int32
  private(set) var writing: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    guard intray_pipe(&ends) == 0 else { throw IntrayError.system("cannot make a pipe", "pipe", errno: errno) }
    (reading, writing) = (ends[0], ends[1])
  }

  func takeReading() -> Int32 {
    defer { reading = -1 }
    return reading
  }

  func takeWriting() -> Int32 {
    defer { writing = -1 }
    return writing
  }

  func closeBoth() {
    if reading >= 0 { close(reading) }
    if writing >= 0 { close(writing) }
    (reading, writing) = (-1, -1)
  }
}

/// Lends the strings as a list for execve(2).
private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
  for (index, string) in strings.enumerated() { (list + index).initialize(to: strdup(string)) }
  (list + strings.count).initialize(to: nil)
  defer {
    for index in strings.indices { free(list[index]) }
    list.deallocate()
  }
  return body(list)
}
