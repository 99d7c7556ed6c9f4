import FileKit
import Foundation
import IntrayCore
import WorkerLink

/// A runner that can be used.
public struct InstalledRunner: Sendable, Equatable {
  /// The plugin's shared library.
  public var path: String
  public var description: RunnerDescription

  public init(path: String, description: RunnerDescription) {
    self.path = path
    self.description = description
  }
}

/// The runners in the plugins folder.
///
/// (1) No plugin is loaded into this process: each is asked by an `intray-worker` of its own, which may crash or hang.
/// (2) A file is asked once, and again when it has changed.
/// (3) Runner `finetune` lies in `libFinetune.so`, and nowhere else.
///
///     let catalog = PluginCatalog(folder: "/usr/lib/intray/plugins", worker: "/usr/lib/intray/intray-worker")
///     let runner = try catalog.runner(named: "finetune")
public final class PluginCatalog {
  /// A file that looks like a plugin but cannot be used.
  public struct Broken: Sendable, Equatable {
    public var path: String
    public var error: IntrayError
  }

  private struct Entry {
    var status: FileStatus
    var result: Result<InstalledRunner, IntrayError>
  }

  public let folder: String
  private let worker: String
  private let timeLimit: Duration
  private var entries: [String: Entry] = [:]

  /// - Parameters:
  ///   - worker: the path of `intray-worker`.
  ///   - timeLimit: how long a plugin may take to be loaded and to describe itself.
  public init(folder: String, worker: String, timeLimit: Duration = .seconds(10)) {
    self.folder = folder
    self.worker = worker
    self.timeLimit = timeLimit
  }

  /// All that can be used, by name.
  public func runners() throws -> [InstalledRunner] { try list().runners }

  /// All files of the folder that are named as plugins are: those that can be used, by name, and the others, by path,
  /// with the reason.
  public func list() throws -> (runners: [InstalledRunner], broken: [Broken]) {
    var runners: [InstalledRunner] = []
    var broken: [Broken] = []
    for name in try Files.list(folder) where RunnerName.isFile(name) {
      guard let result = try result(for: name) else { continue }
      switch result {
      case .success(let runner): runners.append(runner)
      case .failure(let error): broken.append(Broken(path: "\(folder)/\(name)", error: error))
      }
    }
    return (runners.sorted { $0.description.name < $1.description.name }, broken)
  }

  /// The runner of this name.
  /// - Throws: `IntrayError(.plugin)`: there is none (with the nearest name, or the list of those there are), or why it
  ///   cannot be used.
  public func runner(named name: String) throws -> InstalledRunner {
    if RunnerName.isValid(name), let result = try result(for: RunnerName.file(name)) { return try result.get() }
    throw IntrayError(
      .plugin, "no runner '\(name.prefix(100))'",
      hint: Suggestion.hint(for: name, among: try runners().map(\.description.name)))
  }

  /// Nil when there is no such file.
  private func result(for file: String) throws -> Result<InstalledRunner, IntrayError>? {
    let path = "\(folder)/\(file)"
    guard let status = try Files.status(path) else {
      entries[path] = nil
      return nil
    }
    if let entry = entries[path], entry.status == status { return entry.result }
    guard status.kind == .file else {
      return .failure(IntrayError(.plugin, "not a regular file", at: .init(path)))
    }
    let result: Result<InstalledRunner, IntrayError>
    do {
      let description = try describe(path)
      let expected = RunnerName.file(description.name)
      guard expected == file else {
        throw IntrayError(
          .plugin, "describes itself as '\(description.name)'", at: .init(path), hint: "its file must be \(expected)")
      }
      result = .success(InstalledRunner(path: path, description: description))
    } catch let error as IntrayError {
      result = .failure(error)
      // A machine that was short of something may have it the next time.
      if error.isTransient { return result }
    }
    entries[path] = Entry(status: status, result: result)
    return result
  }

  private func describe(_ path: String) throws -> RunnerDescription {
    let loop = EventLoop()
    var answer = Data()
    var end: (ChildProcess.End, lastErrors: String)?
    var hasTimedOut = false
    let child = try ChildProcess(
      worker, ["--describe", path], output: .standardOutput, on: loop,
      onOutput: { if answer.count <= 2 * LoadedPlugin.descriptionLimit { answer.append(contentsOf: $0) } },
      onExit: {
        end = ($0, $1)
        loop.stop()
      })
    loop.after(timeLimit) {
      hasTimedOut = true
      child.kill()
    }
    try loop.run()
    switch end {
    case (.exited(0), _)? where !answer.isEmpty: return try JSON.decode(from: answer, path: path, code: .plugin)
    case _ where hasTimedOut:
      throw IntrayError(
        .plugin, "did not describe itself within \(timeLimit.components.seconds) s", at: .init(path), isTransient: true)
    case (let how, let lastErrors)?:
      if let report = try? JSONDecoder().decode(FailureReport.self, from: answer) { throw report.error }
      var error = IntrayError(how, of: "the plugin, asked to describe itself,", lastErrors: lastErrors)
      error.code = .plugin
      error.location = .init(path)
      error.isTransient = how == .signal(SIGKILL)
      throw error
    case nil: throw IntrayError(.bug, "the event loop ended before the worker", at: .init(path))
    }
  }
}
