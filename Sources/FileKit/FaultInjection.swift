import Foundation
import Synchronization

/// Makes file system calls fail, so that tests see what a full disk, a broken one or a crash leaves behind.
///
/// (1) Every call of FileKit that can change or read the disk is announced here first, so the nth call of a run is the
///     same call in every run of the same single-threaded work.
/// (2) A call that is made to fail is not made at all: the disk stays as the calls before it left it.
/// (3) Without a fault this costs one look at a task-local value and one at a constant.
public enum FaultInjection {
  /// The kinds of calls, named after the system call.
  public enum Call: String, Sendable, CaseIterable {
    case open, read, write, fsync, close, rename, unlink, mkdir, readdir, stat, mmap, statvfs, inotify, flock, chmod
  }

  /// What happens at the chosen call.
  public enum Action: Sendable, Equatable {
    /// It fails with this errno.
    case fail(Int32)
    /// The process gets SIGKILL just before it, as from the OOM killer or a power cut.
    case die
  }

  @TaskLocal static var current: Fault?

  /// Runs `body` with `fault` in force for the calls of this task (or thread) alone; tests beside it are not touched.
  public static func with<Result>(_ fault: Fault, _ body: () throws -> Result) rethrows -> Result {
    try $current.withValue(fault, operation: body)
  }

  /// The environment variable that puts a fault into a child process: `[PROGRAM@]CALL:N[+]:ERRNO[:FILE]`, where CALL may
  /// be `any`, `+` means "this call and all later ones", and `die` in place of the errno kills the process. With FILE the
  /// fault is in force, and calls are counted, only while there is a file of this path.
  ///
  /// `rename:2:ENOSPC`, `any:17:die`, `intray-worker@write:1+:EIO`, `fsync:1+:EIO:/tmp/broken`. Without PROGRAM it holds
  /// for each process that inherits it.
  public static let environmentVariable = "INTRAY_FAULT"

  private static let inherited: Fault? = {
    guard var text = ProcessInfo.processInfo.environment[environmentVariable], !text.isEmpty else { return nil }
    if let at = text.firstIndex(of: "@") {
      let program = URL(fileURLWithPath: CommandLine.arguments.first ?? "").lastPathComponent
      guard text[..<at] == program else { return nil }
      text = String(text[text.index(after: at)...])
    }
    guard let fault = Fault(text) else {
      FileHandle.standardError.write(Data("\(environmentVariable): '\(text)' is not CALL:N:ERRNO\n".utf8))
      exit(64)
    }
    return fault
  }()

  /// Announces a call. The errno with which it has to fail, nil when it goes ahead.
  static func announce(_ call: Call) -> Int32? {
    if let code = current?.announce(call) { return code }
    return inherited?.announce(call)
  }
}

/// One fault: the nth call of a kind fails, or it and all later ones.
public final class Fault: Sendable {
  let call: FaultInjection.Call?
  let number: Int
  let andLater: Bool
  let action: FaultInjection.Action
  let file: String?
  private let seen = Mutex(0)

  /// - Parameters:
  ///   - call: The kind that is counted; nil counts all.
  ///   - number: Which one fails; the first is 1.
  ///   - andLater: All later ones fail too, as on a disk that stays full.
  ///   - file: Calls count only while there is a file of this path.
  public init(
    _ call: FaultInjection.Call? = nil, at number: Int, andLater: Bool = false, _ action: FaultInjection.Action,
    while file: String? = nil
  ) {
    self.call = call
    self.number = number
    self.andLater = andLater
    self.action = action
    self.file = file
  }

  /// How many calls of its kind were made so far.
  public var calls: Int { seen.withLock { $0 } }

  /// Whether the chosen call came.
  public var fired: Bool { calls >= number }

  func announce(_ call: FaultInjection.Call) -> Int32? {
    guard self.call == nil || self.call == call else { return nil }
    if let file, access(file, F_OK) != 0 { return nil }
    let count = seen.withLock { seen in
      seen += 1
      return seen
    }
    guard count == number || (andLater && count > number) else { return nil }
    switch action {
    case .fail(let code): return code
    case .die:
      kill(getpid(), SIGKILL)
      // SIGKILL ends the process before kill(2) returns to the calling thread; another thread may still come here.
      while true { pause() }
    }
  }
}

extension Fault {
  /// From the text of `FaultInjection.environmentVariable`, without the program; nil when it is not well formed.
  public convenience init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count >= 3 else { return nil }
    let file = parts.count == 4 ? String(parts[3]) : nil
    guard file?.hasPrefix("/") != false else { return nil }
    let call = FaultInjection.Call(rawValue: String(parts[0]))
    guard call != nil || parts[0] == "any" else { return nil }
    let andLater = parts[1].hasSuffix("+")
    guard let number = Int(andLater ? parts[1].dropLast() : parts[1]), number >= 1 else { return nil }
    if parts[2] == "die" {
      self.init(call, at: number, andLater: andLater, .die, while: file)
    } else {
      guard let code = Self.errnos[String(parts[2])] else { return nil }
      self.init(call, at: number, andLater: andLater, .fail(code), while: file)
    }
  }

  private static let errnos: [String: Int32] = [
    "EACCES": EACCES, "EBUSY": EBUSY, "EDQUOT": EDQUOT, "EEXIST": EEXIST, "EINVAL": EINVAL, "EIO": EIO,
    "EMFILE": EMFILE, "ENOENT": ENOENT, "ENOMEM": ENOMEM, "ENOSPC": ENOSPC, "EPERM": EPERM, "EROFS": EROFS,
    "EXDEV": EXDEV,
  ]
}
