import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox

/// Opens the job store, and makes a damaged one anew from what is on the disk.
///
/// (1) The damaged files are kept, as `store.sqlite.damaged-<UTC time>` with `-wal` and `-shm`; a store that is locked or
///     cannot be reached is an error and never moved.
/// (2) A repair that was interrupted is begun again at the next start: `store.repair` says so until the new store is
///     whole.
/// (3) A job under way keeps its batch and its checkpoint. What has no `job.json` is left to the start, which drops it
///     into the inbox again.
struct StoreRepair {
  let state: StateFolder
  let outbox: Outbox

  /// What was done.
  struct Report: Equatable {
    var damage: IntrayError
    /// Where the damaged store is.
    var kept: String
    var done = 0
    var rejected = 0
    /// Jobs that go on.
    var queued = 0
  }

  /// - Returns: the store, and the report when it had to be made anew.
  /// - Throws: `IntrayError(.system)` when the store cannot be opened for another reason than damage.
  func open() throws -> (store: JobStore, report: Report?) {
    if let begun = try marker() { return try repair(begun) }
    if try isTruncated() { return try repair(begin(.init(.system, "the job store is empty", at: .init(state.store)))) }
    switch try JobStore.open(state.store) {
    case .opened(let store): return (store, nil)
    case .damaged(let error): return try repair(begin(error))
    }
  }

  // MARK: - Keeping the damaged files

  /// The content of `store.repair`.
  private struct Marker: Codable {
    var damage: IntrayError
    var kept: String
  }

  private func marker() throws -> Marker? {
    guard try Files.status(state.repair) != nil else { return nil }
    return try JSON.decode(from: try Files.read(state.repair), path: state.repair, code: .system)
  }

  private func begin(_ damage: IntrayError) throws -> Marker {
    let marker = Marker(damage: damage, kept: "\(state.store).damaged-\(Self.now())")
    try Files.publish(try JSON.encode(marker), to: state.repair)
    return marker
  }

  private static func now() -> String {
    var seconds = time(nil)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, "%Y%m%dT%H%M%SZ", &parts)
    return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// SQLite takes an empty file for a new store. Beside jobs it is one that lost its content.
  private func isTruncated() throws -> Bool {
    guard let status = try Files.status(state.store), status.kind == .file, status.size == 0 else { return false }
    return try !Files.list(state.work).isEmpty || !Files.list(state.rejected).isEmpty
  }

  private func repair(_ marker: Marker) throws -> (store: JobStore, report: Report?) {
    // The store itself last: when it is at `kept`, what lies here is a half-made new one.
    let isKept = try Files.status(marker.kept) != nil
    for suffix in ["-wal", "-shm", ""] {
      let path = state.store + suffix
      if isKept {
        try Files.remove(path)
      } else if try Files.status(path) != nil {
        try Files.rename(path, to: marker.kept + suffix)
      }
    }
    try Files.syncFolder(state.path)
    let records = try recordsFromDisk()
    let store = try JobStore(state.store)
    try store.restore(records)
    try Files.remove(state.repair)
    try Files.syncFolder(state.path)
    var report = Report(damage: marker.damage, kept: marker.kept)
    for record in records {
      switch record.state {
      case .done: report.done += 1
      case .rejected, .cancelled: report.rejected += 1
      case .queued, .running, .waiting, .publishing: report.queued += 1
      }
    }
    return (store, report)
  }

  // MARK: - What the disk tells

  /// The records of all jobs that the disk knows, in the order in which they came.
  private func recordsFromDisk() throws -> [JobRecord] {
    var records: [JobID: JobRecord] = [:]
    for record in try rejected() + done() {
      // Several folders of one job: it was dropped again, and the last end counts.
      if let other = records[record.id], (other.finished ?? other.created) > (record.finished ?? record.created) {
        continue
      }
      records[record.id] = record
    }
    for record in try underWay() {
      // What a finished job has left is no job under way.
      if let done = records[record.id], let folder = done.folder, try outbox.isIntact(folder, of: done.id) { continue }
      records[record.id] = record
    }
    return records.values.sorted { ($0.created, $0.id.rawValue) < ($1.created, $1.id.rawValue) }
  }

  private func done() throws -> [JobRecord] {
    guard try Files.status(outbox.folder) != nil else { return [] }
    return try Files.list(outbox.folder).filter { !$0.hasPrefix(".") }.compactMap { name in
      let folder = "\(outbox.folder)/\(name)"
      // What is no result of ours is no concern of the store.
      guard let manifest = try? Manifest.read(folder: folder) else { return nil }
      var record = JobRecord(
        id: manifest.job, name: manifest.name, state: .done, runner: manifest.runner, version: manifest.version,
        created: manifest.created)
      record.attempts = manifest.attempts
      record.started = manifest.started
      record.finished = manifest.finished
      record.folder = folder
      return record
    }
  }

  private func rejected() throws -> [JobRecord] {
    guard try Files.status(state.rejected) != nil else { return [] }
    return try Files.list(state.rejected).filter { !$0.hasPrefix(".") }.map { name in
      let folder = "\(state.rejected)/\(name)"
      if var record = Self.record(in: folder), record.state == .rejected || record.state == .cancelled {
        record.folder = folder
        return record
      }
      var record = JobRecord(id: try .random(), name: name, state: .rejected, runner: "")
      record.error = IntrayError(
        .system, "the job store lost why", at: .init(folder), hint: "see \(Rejections.reasonName) there")
      record.finished = record.created
      record.folder = folder
      return record
    }
  }

  private func underWay() throws -> [JobRecord] {
    guard try Files.status(state.work) != nil else { return [] }
    return try Files.list(state.work).compactMap { name in
      guard let id = JobID(rawValue: name) else { return nil }
      let work = state.work(id)
      // A result that was being published lies in the work folder again; the next attempt makes it from the checkpoint.
      try outbox.unstage(id, work: work)
      guard var record = Self.record(in: work.path), record.id == id, record.spec != nil,
        try Files.status(work.batch) != nil
      else { return nil }
      record.state = .queued
      record.claim = nil
      record.folder = nil
      return record
    }
  }

  private static func record(in folder: String) -> JobRecord? {
    let path = "\(folder)/\(WorkFolder.recordName)"
    return try? JSON.decode(from: try Files.read(path, followingLinks: false), path: path)
  }
}
