import CLinux
import FileKit
import Foundation
import IntrayCore
import WorkerLink

/// What `intray-worker` does: it loads one plugin and runs or plans one job, or describes one plugin.
///
/// (1) It may be killed at any moment. All that a next attempt needs lies in the work folder.
/// (2) It ends when its host ends, at once and with all processes of its group.
/// (3) No two workers use a work folder at the same time.
/// (4) The final message is the last thing it does: no destructor or atexit handler of a plugin runs after it.
public enum WorkerProgram {
  /// The worker's number for the pipe of frames.
  static let frames = ChildProcess.Output.descriptor3.rawValue

  /// How long a worker waits for another one to leave its work folder. That one has lost its host and is dying.
  static let lockPatience = Duration.seconds(5)

  /// The whole program.
  ///
  ///     intray-worker --describe PATH     prints the runner's description, or the error, as JSON
  ///     intray-worker                     the task as JSON on 0, frames on 3, lifeline on 4
  ///     intray-worker --plan              the same, but the job is planned and not run
  public static func main(_ arguments: [String]) -> Never {
    signal(SIGPIPE, SIG_IGN)
    if arguments.count == 3, arguments[1] == "--describe" { describe(arguments[2]) }
    let mode: WorkerProcess.Mode? =
      switch arguments.dropFirst() {
      case []: .run
      case ["--plan"]: .plan
      default: nil
      }
    guard let mode, fcntl(frames, F_GETFD) >= 0, fcntl(ChildProcess.lifeline, F_GETFD) >= 0 else {
      let usage = "intray-worker is started by intrayd and intray; by hand: intray-worker --describe PLUGIN\n"
      FileHandle.standardError.write(Data(usage.utf8))
      _exit(IntrayError.Code.usage.exitCode)
    }
    doJob(mode)
  }

  // MARK: Describing

  private static func describe(_ path: String) -> Never {
    // A plugin that prints while it is loaded must not disturb the answer.
    let answer = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10)
    dup2(STDERR_FILENO, STDOUT_FILENO)
    let file = FileHandle(fileDescriptor: answer, closeOnDealloc: false)
    do {
      let description = try LoadedPlugin(path).describe()
      try file.write(contentsOf: JSON.encode(description, pretty: true) + Data("\n".utf8))
      _exit(0)
    } catch {
      let error = IntrayError(error)
      try? file.write(contentsOf: (try? JSON.encode(FailureReport(error), pretty: true)) ?? Data())
      _exit(error.code.exitCode)
    }
  }

  // MARK: Running and planning

  private static func doJob(_ mode: WorkerProcess.Mode) -> Never {
    // Not for what the plugin may start: it would hold the host's pipes open.
    _ = fcntl(frames, F_SETFD, FD_CLOEXEC)
    _ = fcntl(ChildProcess.lifeline, F_SETFD, FD_CLOEXEC)
    intray_flag_signal(SIGTERM)
    volunteerForOutOfMemory()

    let last: WorkerMessage
    let channel: WorkerChannel
    do {
      channel = try WorkerChannel(descriptor: frames, lifeline: ChildProcess.lifeline, onHostGone: { endWithHost() })
    } catch {
      FileHandle.standardError.write(Data("\(IntrayError(error))\n".utf8))
      _exit(IntrayError(error).code.exitCode)
    }
    do {
      last = try doJob(mode, channel)
    } catch {
      last = .failed(FailureReport(IntrayError(error)))
    }
    channel.send(last)
    if case .failed(let report) = last { _exit(report.error.code.exitCode) }
    _exit(0)
  }

  private static var isStopRequested: Bool { intray_signal_came(SIGTERM) != 0 }

  private static func doJob(_ mode: WorkerProcess.Mode, _ channel: WorkerChannel) throws -> WorkerMessage {
    let input = try FileHandle.standardInput.readToEnd() ?? Data()
    let task: WorkerTask = try JSON.decode(from: input, path: "task", code: .bug)
    try checkFolders(task)
    guard let lock = try lockWorkFolder(task.workFolder) else { return .stopped }
    // The lock lives until the process ends.
    return try withExtendedLifetime(lock) {
      for name in try Files.list(task.outputFolder) { try Files.remove("\(task.outputFolder)/\(name)") }
      let plugin = try LoadedPlugin(task.plugin)
      let description = try plugin.describe()
      guard description.name == task.spec.run else {
        throw IntrayError(
          .plugin, "describes itself as '\(description.name)', the job asks for '\(task.spec.run)'",
          at: .init(task.plugin))
      }
      intray_name_process("intray:\(description.name)")
      channel.send(.started(runner: description.name, version: description.version))
      switch mode {
      case .run:
        if let end = try planFirst(task, plugin, channel) { return end }
        return try plugin.run(task, send: { channel.send($0) }, shouldStop: { isStopRequested })
      case .plan: return try plugin.plan(task, send: { channel.send($0) }, shouldStop: { isStopRequested })
      }
    }
  }

  /// Plans the job where the task asks for it. What a run would say again is not sent.
  ///
  /// - Returns: how the attempt ends, when it is not to run.
  private static func planFirst(
    _ task: WorkerTask, _ plugin: LoadedPlugin, _ channel: WorkerChannel
  ) throws -> WorkerMessage? {
    guard let memory = task.memory, plugin.canPlan else { return nil }
    // Emptied before each attempt, so nothing of a plan that was interrupted stays.
    let place = "\(task.outputFolder)/.plan"
    var planning = task
    planning.outputFolder = "\(place)/out"
    planning.workFolder = "\(place)/work"
    for folder in [planning.outputFolder, planning.workFolder] { try Files.makeFolder(folder) }
    let end = try plugin.plan(planning, send: { _ in }, shouldStop: { isStopRequested })
    guard case .finished = end else { return end }
    let plan = try JobPlan.read(from: planning.outputFolder)
    try Files.remove(place)
    channel.send(.planned(memoryBytes: plan.memoryBytes, seconds: plan.seconds))
    return plan.memoryBytes <= memory ? nil : .stopped
  }

  /// The plugin is promised absolute paths of folders that exist.
  private static func checkFolders(_ task: WorkerTask) throws {
    for folder in [task.inputFolder, task.outputFolder, task.workFolder, task.modelsFolder] {
      guard folder.hasPrefix("/") else { throw IntrayError(.bug, "not an absolute path", at: .init(folder)) }
      // Links are followed: the model store may lie on another disk.
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
        throw IntrayError(.missing, "no such folder", at: .init(folder), isTransient: true)
      }
    }
  }

  /// Nil when a stop was asked for while waiting.
  private static func lockWorkFolder(_ folder: String) throws -> FileLock? {
    let path = "\(folder)/.worker.lock"
    let loop = EventLoop()
    let deadline = SuspendingClock.now.advanced(by: lockPatience)
    var lock: FileLock?
    func attempt() throws {
      lock = try FileLock(path)
      if lock != nil || isStopRequested { return }
      guard SuspendingClock.now < deadline else {
        throw IntrayError(
          .system, "another worker still uses this folder", at: .init(folder),
          hint: "find it with `fuser -v \(path)`", isTransient: true)
      }
      // A lock has no descriptor to wait for.
      loop.after(.milliseconds(20), attempt)
    }
    try attempt()
    try loop.run()
    return lock
  }

  /// When memory runs out, the kernel shall take a worker and not the daemon (proc(5), oom_score_adj). Raising it needs
  /// no privilege; where /proc is missing, nothing is lost.
  private static func volunteerForOutOfMemory() {
    guard let file = try? FileWriter(appendingTo: "/proc/self/oom_score_adj") else { return }
    try? file.write("500")
    try? file.close()
  }

  private static func endWithHost() -> Never {
    let note = "intray-worker: its host is gone, or the plugin closed the pipe to it\n"
    try? FileHandle.standardError.write(contentsOf: Data(note.utf8))
    // What the plugin started goes too, unless the group is somebody else's.
    if getpgrp() == getpid() { kill(0, SIGKILL) }
    _exit(IntrayError.Code.unavailable.exitCode)
  }
}
