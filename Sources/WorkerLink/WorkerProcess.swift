import CLinux
import Foundation
import IntrayCore

/// One attempt of one job, or its plan, in a process of its own (`intray-worker`).
///
/// (1) `onExit` is called once, after every message that the worker sent before its end.
/// (2) A final message counts, however the process ends after it. Without one, the attempt failed: `.crashed`,
///     transient.
/// (3) What is no message ends the attempt: the worker is killed, and nothing it sent afterwards is looked at. So do
///     more messages than a worker's throttle lets through: a plugin cannot flood the host.
public final class WorkerProcess {
  /// What a worker does with its task.
  public enum Mode: Sendable {
    case run
    /// The runner says what the job would take and leaves it as `JobPlan.fileName` in the output folder. The task's
    /// output and work folders are then not the job's own.
    case plan

    var arguments: [String] {
      switch self {
      case .run: []
      case .plan: ["--plan"]
      }
    }
  }

  /// The loop keeps it.
  private weak var child: ChildProcess?
  /// More than `MessageThrottle` passes in the long run, and at once: what a busy host left in the pipe.
  private static let messagesPerSecond = 300.0
  private static let messagesAtOnce = 2000.0

  private var decoder = FrameDecoder()
  /// A token bucket: how many messages may come at this time.
  private var allowance = (messages: messagesAtOnce, time: SuspendingClock.now)
  private var hasStarted = false
  private var lastMessage: WorkerMessage?
  private var protocolError: IntrayError?
  private var isStopRequested = false
  private var isKilled = false
  private let onMessage: (WorkerMessage) -> Void

  public private(set) var pid: Int32 = 0

  /// Starts the worker. The loop keeps it until it has ended.
  /// - Parameters:
  ///   - executable: the path of `intray-worker`.
  ///   - onMessage: gets all messages but the final one.
  /// - Throws: as `ChildProcess`.
  public static func start(
    _ task: WorkerTask, to mode: Mode = .run, worker executable: String, on loop: EventLoop,
    onMessage: @escaping (WorkerMessage) -> Void, onExit: @escaping (WorkerExit) -> Void
  ) throws -> WorkerProcess {
    let worker = WorkerProcess(onMessage)
    let child = try ChildProcess(
      executable, mode.arguments, input: try JSON.encode(task), output: .descriptor3, on: loop,
      onOutput: { worker.receive($0) },
      onExit: { end, lastErrors in
        onExit(worker.result(end, lastErrors))
      })
    worker.child = child
    worker.pid = child.pid
    return worker
  }

  private init(_ onMessage: @escaping (WorkerMessage) -> Void) { self.onMessage = onMessage }

  /// Asks the plugin to save its state and stop. `onExit` follows when it has; a plugin may take long, or never heed.
  public func requestStop() {
    isStopRequested = true
    child?.send(SIGTERM)
  }

  /// Ends the worker at once, with all processes that it started. `onExit` follows.
  public func kill() {
    isKilled = true
    child?.kill()
  }

  private func receive(_ bytes: UnsafeRawBufferPointer) {
    guard protocolError == nil else { return }
    decoder.append(bytes)
    do {
      while let body = try decoder.next() { try take(try Self.message(body)) }
    } catch {
      protocolError = IntrayError(error)
      child?.ignoreOutput()
      child?.kill()
    }
  }

  private static func message(_ body: Data) throws -> WorkerMessage {
    do {
      return try JSONDecoder().decode(WorkerMessage.self, from: body)
    } catch {
      throw IntrayError(
        .crashed, "the worker's pipe carries a frame that is no message",
        hint: "the plugin may have written to a file descriptor that is not its own, or intray-worker is of another"
          + " version", isTransient: true)
    }
  }

  private func take(_ message: WorkerMessage) throws {
    if lastMessage != nil {
      throw IntrayError(.crashed, "the worker went on after its final message", isTransient: true)
    }
    try checkRate()
    if case .started = message { hasStarted = true }
    if message.isFinal { lastMessage = message } else { onMessage(message) }
  }

  private func checkRate() throws {
    let now = SuspendingClock.now
    let seconds = (now - allowance.time) / .seconds(1)
    allowance = (min(Self.messagesAtOnce, allowance.messages + seconds * Self.messagesPerSecond) - 1, now)
    guard allowance.messages < 0 else { return }
    throw IntrayError(
      .crashed, "the worker sent more than \(Int(Self.messagesPerSecond)) messages a second",
      hint: "the plugin may have written to a file descriptor that is not its own", isTransient: true)
  }

  private func result(_ end: ChildProcess.End, _ lastErrors: String) -> WorkerExit {
    if let protocolError { return .failed(protocolError) }
    switch (lastMessage, end) {
    case (.finished, _): return .finished
    case (.stopped, _): return .stopped
    case (.failed(let report), _): return .failed(report.error)
    // Not yet far enough to catch the signal, so nothing had begun.
    case (_, .signal(SIGTERM)) where isStopRequested || !hasStarted: return .stopped
    case (_, .signal(SIGKILL)) where isKilled:
      return .failed(IntrayError(.crashed, "the worker was killed by Intray", isTransient: true))
    case (_, _):
      return .failed(
        IntrayError(
          end, of: hasStarted ? "the plugin" : "the worker, while it loaded the plugin,", lastErrors: lastErrors))
    }
  }
}
