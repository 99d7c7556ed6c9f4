import Foundation
import IntrayCore

/// A runner, written in Swift. A plugin is a dynamic library with one runner and one entry point:
///
///     import CIntrayPlugin
///     import PluginKit
///
///     @c(intray_plugin_entry)
///     public func pluginEntry() -> UnsafePointer<intray_plugin>? { Plugin.table(for: WordCount.self) }
///
/// The entry point must be `public`: release builds strip it otherwise.
public protocol Runner {
  static var description: RunnerDescription { get }

  /// Runs the job to its end. What lies in `job.outputFolder` when it returns is published.
  ///
  /// - Throws: `StopRequested` after `host.shouldStop` was heeded and the state is saved in `job.workFolder`; an
  ///   `IntrayError` for everything else.
  static func run(_ job: RunnerJob, host: RunnerHost) throws
}

/// A runner that can say what a job would take, before it runs.
///
///     enum WordCount: PlanningRunner {
///       static func plan(_ job: RunnerJob, host: RunnerHost) throws -> JobPlan {
///         JobPlan(memoryBytes: 1 << 20, seconds: 1)
///       }
///     }
public protocol PlanningRunner: Runner {
  /// What `run` would take, from the same files and with the same errors, but without its work: in seconds, and with
  /// much less memory. It writes no file.
  static func plan(_ job: RunnerJob, host: RunnerHost) throws -> JobPlan
}

/// The job heeded `RunnerHost.shouldStop`: its state is saved, and the next attempt goes on from there.
public struct StopRequested: Error {
  public init() {}
}

/// What to do. All folders are absolute paths and exist.
public struct RunnerJob: Sendable {
  public let spec: JobSpec
  /// The batch: the files that the spec names. Read only.
  public let inputFolder: String
  /// Empty at the start of each attempt; published when the runner returns.
  public let outputFolder: String
  /// Survives attempts: checkpoints go here.
  public let workFolder: String
  /// The model store. Read only.
  public let modelsFolder: String
  /// 1 at the first attempt.
  public let attempt: Int
  /// Compute threads that the job may use.
  public let threads: Int

  public init(
    spec: JobSpec, inputFolder: String, outputFolder: String, workFolder: String, modelsFolder: String, attempt: Int,
    threads: Int
  ) {
    self.spec = spec
    self.inputFolder = inputFolder
    self.outputFolder = outputFolder
    self.workFolder = workFolder
    self.modelsFolder = modelsFolder
    self.attempt = attempt
    self.threads = threads
  }

  /// The parameters as the runner's own type; its property `maxLength` takes the key `max_length`.
  public func parameters<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      return try decoder.decode(type, from: JSON.encode(spec.with))
    } catch {
      throw IntrayError(.bug, "the parameters do not fit the runner's schema: \(error)")
    }
  }

  /// The file of a role, nil where the spec names none.
  public func file(_ role: String) -> String? {
    spec.data.files[role].map { "\(inputFolder)/\($0.path)" }
  }

  /// Where a result goes.
  public func output(_ name: String) -> String { "\(outputFolder)/\(name)" }

  /// Where state goes that the next attempt needs.
  public func work(_ name: String) -> String { "\(workFolder)/\(name)" }
}
