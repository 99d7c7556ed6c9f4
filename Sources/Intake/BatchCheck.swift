import FileKit
import Foundation
import IntrayCore
import ModelStore
import SpecFile
import Tables

/// A batch that can run.
public struct CheckedBatch: Sendable, Equatable {
  public var id: JobID
  public var spec: JobSpec
  /// The runner's version.
  public var version: String

  public init(id: JobID, spec: JobSpec, version: String) {
    self.id = id
    self.spec = spec
    self.version = version
  }
}

/// Checks a batch before anything runs: the spec against its runner, every table to its last row, every promise.
///
/// It works in slices, so that the daemon stays responsive while it reads gigabytes:
///
/// ```swift
/// let check = BatchCheck(folder: claim.folder, source: .spec("papers.yaml"), routes: [], models: store, runner: catalog.description)
/// var checked: CheckedBatch?
/// while checked == nil { checked = try check.advance() }
/// ```
public final class BatchCheck {
  private enum Step {
    case begin
    case read(role: String)
    case finish
  }

  private let folder: String
  private let source: Batch.Source
  private let routes: [Route]
  private let models: ModelStore
  private let refusesOtherFiles: Bool
  private let runner: (DraftSpec) throws -> RunnerDescription
  /// The name and the runner that the spec gives, as soon as it could be read.
  public private(set) var name: String?
  public private(set) var runnerName: String?
  private var step = Step.begin
  private var spec: JobSpec?
  private var description: RunnerDescription?
  private var reading: FileCheck?
  private var hashes: [String: String] = [:]
  private var statuses: [String: FileStatus] = [:]

  /// - Parameters:
  ///   - folder: Holds the batch's files.
  ///   - routes: For a source without a spec.
  ///   - models: Holds the models that the spec may name.
  ///   - refusesOtherFiles: Whether the folder may hold nothing but the spec and its files.
  ///   - runner: The description of the runner that a spec names; throws when there is none.
  public init(
    folder: String, source: Batch.Source, routes: [Route] = [], models: ModelStore, refusesOtherFiles: Bool = true,
    runner: @escaping (DraftSpec) throws -> RunnerDescription
  ) {
    self.folder = folder
    self.source = source
    self.routes = routes
    self.models = models
    self.refusesOtherFiles = refusesOtherFiles
    self.runner = runner
  }

  /// Works for about this time.
  ///
  /// - Returns: the result, nil while there is more to do.
  /// - Throws: `IntrayError` for the first fault; paths are plain names, as the person who dropped the batch knows them.
  public func advance(for time: Duration = .milliseconds(20)) throws -> CheckedBatch? {
    let end = ContinuousClock.now + time
    repeat {
      switch step {
      case .begin:
        let spec = try resolve()
        self.spec = spec
        step = spec.data.files.keys.min().map { .read(role: $0) } ?? .finish
      case .read(let role): try read(role)
      case .finish: return try result()
      }
    } while ContinuousClock.now < end
    return nil
  }

  private func resolve() throws -> JobSpec {
    let draft: DraftSpec
    switch source {
    case .spec(let name):
      try checkKind(name)
      let data = try named(name) { try Files.read("\(folder)/\(name)", limit: 1 << 20, followingLinks: false) }
      draft = try SpecText.draft(data, name: name)
    case .file(let name):
      guard let route = routes.first(where: { $0.matches(name) }) else {
        throw IntrayError(.spec, "no route matches this file any more", at: .init(name), hint: "drop it with a spec")
      }
      draft = try route.draft(forFile: name)
    case .nothing(let error): throw error
    }
    name = draft.name
    runnerName = draft.run
    let description = try runner(draft)
    let spec = try draft.resolve(for: description)
    try checkEntries(spec)
    self.description = description
    return spec
  }

  /// Every entry is a plain file that the spec names, or a hidden one that can be read.
  private func checkEntries(_ spec: JobSpec) throws {
    let names = Set(spec.data.files.values.map(\.path))
    for name in names.sorted() { try checkKind(name) }
    let own: String
    switch source {
    case .spec(let name) where refusesOtherFiles, .file(let name) where refusesOtherFiles: own = name
    case .spec, .file, .nothing: return
    }
    let listing = try Files.listing(folder)
    if let name = listing.notUTF8.first { throw Refusal.notUTF8(name, own) }
    for name in listing.names where name != own && !names.contains(name) {
      guard name.hasPrefix(".") else {
        throw IntrayError(
          .data, "\(own) does not name this file", at: .init(name), hint: "name it in 'data', or leave it out")
      }
      // It becomes a part of the result, which is hashed.
      _ = try named(name) { try FileReader("\(folder)/\(name)", followingLinks: false) }
    }
  }

  private func checkKind(_ name: String) throws {
    guard let status = try Files.status("\(folder)/\(name)") else {
      throw IntrayError(.missing, "is not in the batch", at: .init(name), hint: "drop it together with its spec")
    }
    guard status.kind == .file else { throw Refusal.kind(status.kind, name) }
    // In the foreground the files are the user's own, and copied.
    guard status.hardLinks <= 1 || !refusesOtherFiles else { throw Refusal.hardLinks(status.hardLinks, name) }
  }

  private func read(_ role: String) throws {
    guard let spec, let description, let file = spec.data.files[role] else {
      throw IntrayError(.bug, "a batch lost its file '\(role)'")
    }
    let reading =
      try self.reading
      ?? named(file.path) {
        statuses[role] = try Files.status("\(folder)/\(file.path)")
        return try FileCheck(
          file, in: folder, columns: Self.columns(of: file, description.data[role], in: spec.data.columns))
      }
    self.reading = reading
    guard let hash = try named(file.path, { try reading.advance() }) else { return }
    hashes[role] = hash
    self.reading = nil
    step = spec.data.files.keys.filter { $0 > role }.min().map { .read(role: $0) } ?? .finish
  }

  /// The columns that the file must have; nil when it need not be a table.
  private static func columns(
    of file: DataFile, _ role: RunnerDescription.Role?, in columns: Columns
  ) -> [String]? {
    let wanted = role?.columns ?? []
    let name = file.path.lowercased()
    guard !wanted.isEmpty || name.hasSuffix(".csv") || name.hasSuffix(".tsv") else { return nil }
    return wanted.flatMap { meaning -> [String] in
      switch meaning {
      case "id": columns.id.map { [$0] } ?? []
      case "text": columns.text
      case "label": columns.label.map { [$0] } ?? []
      default: []
      }
    }
  }

  private func result() throws -> CheckedBatch {
    guard var spec, let description else { throw IntrayError(.bug, "a batch was checked without its spec") }
    for (role, file) in spec.data.files {
      guard try Files.status("\(folder)/\(file.path)") == statuses[role] else {
        throw IntrayError(
          .data, "was changed while it was read", at: .init(file.path),
          hint: "write it under another name and move it into the inbox when it is complete")
      }
    }
    let id = try JobID(
      spec: spec, hashes: hashes, models: identities(spec, description), version: description.version)
    // What was checked is what the result has to be made of: the outbox compares.
    for (role, hash) in hashes { spec.data.files[role]?.sha256 = hash }
    return CheckedBatch(id: id, spec: spec, version: description.version)
  }

  /// A model that was trained anew under its old name makes another job. One that is missing may be published by a job
  /// that is under way, so the runner looks for it.
  private func identities(_ spec: JobSpec, _ description: RunnerDescription) -> [String: String] {
    let parameters = description.parameters["properties"]?.object ?? [:]
    let names = spec.with.filter { parameters[$0.key]?["format"]?.string == "model" }
    return names.compactMapValues { name in name.string.flatMap { try? models.identity(of: $0) } }
  }

  /// Errors name the file as it was dropped, not where it lies now.
  private func named<Value>(_ name: String, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch {
      var error = IntrayError(error)
      if let path = error.location?.path, path == "\(folder)/\(name)" { error.location?.path = name }
      throw error
    }
  }
}

/// Reads one data file through: its hash, then its rows.
private final class FileCheck {
  private let file: DataFile
  private let path: String
  private let columns: [String]?
  private var bytes: FileReader?
  private var digest: SHA256Digest? = SHA256Digest()
  private var hash = ""
  private var table: TableReader?
  private var rows = 0
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)

  init(_ file: DataFile, in folder: String, columns: [String]?) throws {
    self.file = file
    self.columns = columns
    path = "\(folder)/\(file.path)"
    bytes = try FileReader(path, followingLinks: false)
  }

  deinit { buffer.deallocate() }

  /// - Returns: the file's SHA-256 once it is read to its end.
  func advance() throws -> String? {
    if let bytes {
      let count = try bytes.read(into: buffer)
      digest?.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      if count == buffer.count { return nil }
      self.bytes = nil
      return try finishBytes()
    }
    guard let table else { throw IntrayError(.bug, "a file was read beyond its end", at: .init(file.path)) }
    for _ in 0..<1000 {
      guard try table.next() != nil else { return try finishRows() }
      rows += 1
    }
    return nil
  }

  private func finishBytes() throws -> String? {
    guard let digest = digest.take() else { throw IntrayError(.bug, "a file was hashed twice", at: .init(file.path)) }
    hash = digest.hex()
    if let promised = file.sha256, promised != hash {
      throw IntrayError(
        .data, "its SHA-256 is \(hash), and the spec promises \(promised)", at: .init(file.path),
        hint: "was it transferred completely?")
    }
    guard columns != nil || file.rows != nil else { return hash }
    let table = try TableReader(path, name: file.path)
    for column in columns ?? [] { _ = try table.column(column) }
    self.table = table
    return nil
  }

  private func finishRows() throws -> String {
    if let promised = file.rows, promised != rows {
      throw IntrayError(
        .data, "it has \(rows) rows, and the spec promises \(promised)", at: .init(file.path),
        hint: "was it transferred completely?")
    }
    return hash
  }
}
