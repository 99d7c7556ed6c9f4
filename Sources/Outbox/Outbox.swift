import FileKit
import Foundation
import IntrayCore
import ModelStore
import SpecFile

/// The folder that holds results, whole or not at all.
///
/// (1) A folder without a leading dot is complete: what is being made lies in `.publishing-<job>` until one rename.
/// (2) `publish` may be repeated after a crash at any instruction, and ends in exactly one folder.
/// (3) The dropped files leave the work folder only into the staged result, and come back by `unstage`.
/// (4) A result is made of the files that were checked: those whose SHA-256 the spec has.
/// (5) A published model replaces the one before it in one step.
public struct Outbox: Sendable {
  /// What the host knows about a finished job.
  public struct Result: Sendable {
    public var id: JobID
    public var spec: JobSpec
    public var version: String
    public var attempts: Int
    public var created: Date
    public var started: Date
    public var finished: Date
    /// The last metrics that the runner reported; they become `metrics.json` when it wrote none.
    public var metrics: [String: JSONValue]
    public var work: WorkFolder
    /// The folder that an earlier call chose, if there was one.
    public var folder: String?

    public init(
      id: JobID, spec: JobSpec, version: String, attempts: Int, created: Date, started: Date, finished: Date,
      metrics: [String: JSONValue], work: WorkFolder, folder: String? = nil
    ) {
      self.id = id
      self.spec = spec
      self.version = version
      self.attempts = attempts
      self.created = created
      self.started = started
      self.finished = finished
      self.metrics = metrics
      self.work = work
      self.folder = folder
    }
  }

  /// The names in a result folder that the host writes; a runner must not.
  public static let reserved: Set<String> = ["input", "job.yaml", "log.jsonl", Manifest.fileName]

  public let folder: String
  /// The model store.
  public let models: String

  public init(folder: String, models: String) {
    self.folder = folder
    self.models = models
  }

  /// Publishes the result and returns its folder.
  ///
  /// - Parameter choose: Remembers the chosen folder before it comes into being, so that a repetition after a crash
  ///   knows whether it is there already.
  /// - Throws: `IntrayError(.plugin)` when the result is not one; `.system` when the disk refuses, which may be
  ///   repeated.
  public func publish(_ result: Result, choose: (String) throws -> Void) throws -> String {
    if let chosen = result.folder, try isComplete(chosen, of: result.id) { return chosen }
    let staging = try stage(result)
    if let name = result.spec.publish { try publishModel(from: "\(staging)/model", as: name, job: result.id) }
    return try FreeName.move(staging, to: folder, name: result.spec.name, choose: choose)
  }

  /// Undoes the staging of a result that cannot be published: batch and result lie in the work folder again.
  public func unstage(_ id: JobID, work: WorkFolder) throws {
    let staging = staging(id)
    guard try Files.status(staging) != nil else { return }
    guard try Files.status(work.out) == nil else { return try Files.remove(staging) }
    if try Files.status(work.batch) == nil, try Files.status("\(staging)/input") != nil {
      try Files.rename("\(staging)/input", to: work.batch)
    }
    for name in Self.reserved { try Files.remove("\(staging)/\(name)") }
    try Files.rename(staging, to: work.out)
  }

  /// Whether this folder holds the whole result of this job, byte for byte.
  ///
  /// - Throws: `IntrayError(.system)` when the disk does not say for the moment.
  public func isIntact(_ folder: String, of id: JobID) throws -> Bool {
    do {
      let manifest = try Manifest.read(folder: folder)
      try manifest.verify(folder: folder)
      return manifest.job == id
    } catch {
      if IntrayError(error).isTransient { throw error }
      return false
    }
  }

  /// Removes a result for ever: out of sight by one rename, then from the disk.
  ///
  /// - Returns: false when the folder is not this job's any more; it is left alone.
  public func remove(_ result: String, of id: JobID) throws -> Bool {
    guard let manifest = try? Manifest.read(folder: result), manifest.job == id else { return false }
    try FreeName.remove(result, in: folder, id: id)
    return true
  }

  /// The folder with an intact result of this job, by looking at those of its name.
  public func result(of id: JobID, name: String) throws -> String? {
    for number in 1... {
      let path = number == 1 ? "\(folder)/\(name)" : "\(folder)/\(name)-\(number)"
      guard try Files.status(path) != nil else { return nil }
      if try isIntact(path, of: id) { return path }
    }
    return nil
  }

  /// Removes what publishes of jobs that nobody knows any more have left; dropped files in it go to the inbox.
  public func removeStale(except jobs: Set<JobID>, inbox: String) throws {
    try Files.makeFolder(folder)
    try Files.makeFolder(models)
    try FreeName.removePurged(in: folder)
    for name in try Files.list(folder) where name.hasPrefix(Self.prefix) {
      let id = String(name.dropFirst(Self.prefix.count))
      if let known = JobID(rawValue: id), jobs.contains(known) { continue }
      let path = "\(folder)/\(name)"
      // On another disk than the inbox it is a copy, and the work folder has the original.
      if try Files.status("\(path)/input") != nil, try Files.status(folder)?.device == Files.status(inbox)?.device {
        _ = try FreeName.move("\(path)/input", to: inbox, name: id) { _ in }
      }
      try Files.remove(path)
    }
    for name in try Files.list(models) where name.hasPrefix(Self.prefix) { try Files.remove("\(models)/\(name)") }
  }

  // MARK: -

  private static let prefix = ".publishing-"

  private func staging(_ id: JobID) -> String { "\(folder)/\(Self.prefix)\(id)" }

  private func isComplete(_ folder: String, of id: JobID) throws -> Bool {
    guard try Files.status("\(folder)/\(Manifest.fileName)") != nil else { return false }
    return try Manifest.read(folder: folder).job == id
  }

  private func stage(_ result: Result) throws -> String {
    let (work, staging) = (result.work, staging(result.id))
    try Files.makeFolder(folder)
    let sameDisk = try Files.status(folder)?.device == Files.status(work.path)?.device
    if try Files.status(work.out) != nil {
      try checkNames(work.out)
      try Files.remove(staging)
      if sameDisk {
        try Files.rename(work.out, to: staging)
      } else {
        // The originals stay until the job is done: a copy that failed is made again.
        try Files.copyTree(work.out, to: staging)
        try Files.copyTree(work.batch, to: "\(staging)/input")
      }
    } else if try Files.status(staging) == nil {
      throw IntrayError(.bug, "the result of job \(result.id) is gone", at: .init(work.out))
    }
    if sameDisk, try Files.status(work.batch) != nil { try Files.rename(work.batch, to: "\(staging)/input") }
    try writeReports(result, to: staging)
    try Files.syncTree(staging)
    return staging
  }

  private func checkNames(_ out: String) throws {
    for name in try Files.list(out) where Self.reserved.contains(name) {
      throw IntrayError(
        .plugin, "the runner wrote '\(name)', a name that Intray keeps for itself",
        hint: "the plugin has to choose another name")
    }
  }

  private func writeReports(_ result: Result, to staging: String) throws {
    try Files.publish(Data(SpecWriter.yaml(result.spec).utf8), to: "\(staging)/job.yaml")
    let log = try Files.status(result.work.log) == nil ? Data() : Files.read(result.work.log)
    try Files.publish(log, to: "\(staging)/log.jsonl")
    if try Files.status("\(staging)/metrics.json") == nil {
      try Files.publish(try JSON.encode(result.metrics, pretty: true), to: "\(staging)/metrics.json")
    }
    let manifest = Manifest(
      job: result.id, name: result.spec.name, runner: result.spec.run, version: result.version,
      attempts: result.attempts, created: result.created, started: result.started, finished: result.finished,
      files: try Manifest.entries(folder: staging))
    for file in result.spec.data.files.values {
      guard let checked = file.sha256, manifest.files["input/\(file.path)"]?.sha256 != checked else { continue }
      throw IntrayError(
        .data, "was changed after it was checked: the result may be made of other data", at: .init(file.path),
        hint: "drop the batch again, complete, and leave its files alone")
    }
    try Files.publish(try JSON.encode(manifest, pretty: true), to: "\(staging)/\(Manifest.fileName)")
  }

  private func publishModel(from trained: String, as name: String, job: JobID) throws {
    guard try Files.status(trained)?.kind == .folder else {
      throw IntrayError(
        .plugin, "'publish: \(name)' asks for a model, and the runner left none in its folder 'model'",
        hint: "remove 'publish' from the spec")
    }
    try ModelStore(models).install(trained, as: name, replacing: true, staging: "\(Self.prefix)\(job)")
  }
}
