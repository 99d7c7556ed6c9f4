import CIntrayPlugin
import IntrayCore

/// The host's side of the job: log, progress, stop. May be used from any thread until `run` returns.
public struct RunnerHost: Sendable {
  public enum Level: Int32, Sendable {
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6
    case debug = 7
  }

  private let sendLog: @Sendable (Level, String, [(String, String)]) -> Void
  private let sendProgress: @Sendable (Double, Double, [String: JSONValue]) -> Void
  private let asksToStop: @Sendable () -> Bool
  private let sendCheckpointSaved: @Sendable () -> Void

  /// A host of one's own, for tests and programs that run an engine without a daemon.
  public init(
    log: @escaping @Sendable (Level, String, [(String, String)]) -> Void = { _, _, _ in },
    progress: @escaping @Sendable (Double, Double, [String: JSONValue]) -> Void = { _, _, _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false },
    checkpointSaved: @escaping @Sendable () -> Void = {}
  ) {
    sendLog = log
    sendProgress = progress
    asksToStop = shouldStop
    sendCheckpointSaved = checkpointSaved
  }

  /// One line for the journal and the job's log, with fields such as `("EPOCH", "2")`.
  public func log(_ level: Level = .info, _ message: String, _ fields: [(String, String)] = []) {
    sendLog(level, message, fields)
  }

  /// `done` of `total` units of work are finished.
  public func progress(_ done: Double, of total: Double, _ metrics: [String: JSONValue] = [:]) {
    sendProgress(done, total, metrics)
  }

  /// Whether to save the state and throw `StopRequested`. Cheap.
  public var shouldStop: Bool { asksToStop() }

  /// A complete checkpoint is on disk: an attempt that dies from now on has made progress.
  public func checkpointSaved() { sendCheckpointSaved() }
}

extension RunnerHost {
  /// The callbacks of the C table. They stay valid until the plugin's `run` returns.
  init(_ host: UnsafePointer<intray_host>) {
    nonisolated(unsafe) let table = host.pointee
    self.init(
      log: { level, message, fields in
        withCStrings(fields.flatMap { [$0.0, $0.1] }) { strings in
          let cFields = stride(from: 0, to: strings.count, by: 2).map {
            intray_field(key: strings[$0], value: strings[$0 + 1])
          }
          table.log(table.context, level.rawValue, message, cFields, cFields.count)
        }
      },
      progress: { done, total, metrics in
        // A number that JSON cannot hold (a diverged loss) must not cost the progress report.
        table.progress(table.context, done, total, (try? JSON.text(metrics)) ?? "{}")
      },
      shouldStop: { table.should_stop(table.context) != 0 },
      checkpointSaved: { table.checkpoint_saved(table.context) })
  }
}

/// Lends the strings as C strings for the length of `body`.
private func withCStrings<Result>(_ strings: [String], _ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
  var bytes: [CChar] = []
  var starts: [Int] = []
  for string in strings {
    starts.append(bytes.count)
    bytes.append(contentsOf: string.utf8.map { CChar(bitPattern: $0 == 0 ? 0x20 : $0) })
    bytes.append(0)
  }
  return bytes.withUnsafeBufferPointer { buffer in
    body(starts.map { start in buffer.baseAddress.map { $0 + start } })
  }
}
