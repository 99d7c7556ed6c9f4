import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox

/// Compares the job store with the disk, both ways.
///
/// (1) Nothing is written, and nothing has to be stopped.
/// (2) What a daemon has under way is no disagreement. Beside a running one, only what several looks in a row have found
///     counts, and only while the job's record stays as it is.
///
/// ```swift
/// for one in try StateCheck(state: state, outbox: outbox).disagreements(isRunning: { client.isRunning }) { print(one) }
/// ```
public final class StateCheck {
  public struct Disagreement: Sendable, Equatable, Codable, CustomStringConvertible {
    /// The file or folder.
    public var path: String
    public var job: JobID?
    /// What does not fit, and what it means.
    public var problem: String
    /// What to do.
    public var remedy: String

    public var description: String { "\(path): \(problem); \(remedy)" }
  }

  private let state: StateFolder
  private let outbox: Outbox
  /// Results that were found whole: they are read once only.
  private var whole: Set<String> = []
  /// How many jobs the last look has found in the store.
  public private(set) var jobs = 0

  private static let looks = 4
  private static let pause = Duration.milliseconds(400)
  private static let restart = "start intrayd anew: it tidies up when it starts"

  public init(state: StateFolder, outbox: Outbox) {
    self.state = state
    self.outbox = outbox
  }

  /// Waits a little where a daemon is running and the first look has found something.
  ///
  /// - Throws: `IntrayError(.missing)` when there is no store, `.system` when it or the disk cannot be read.
  public func disagreements(isRunning: () -> Bool) throws -> [Disagreement] {
    var found = try look(besideDaemon: isRunning())
    for _ in 1..<Self.looks where !found.isEmpty {
      // The daemon may have been started or stopped meanwhile.
      guard isRunning() else { return try look(besideDaemon: false) }
      Thread.sleep(forTimeInterval: Double(Self.pause.components.attoseconds) * 1e-18)
      let again = try look(besideDaemon: true)
      found = found.filter { again.contains($0) }
    }
    return found
  }

  private func look(besideDaemon isRunning: Bool) throws -> [Disagreement] {
    switch try JobStore.open(state.store, readOnly: true) {
    case .damaged(let error):
      return [.init(path: state.store, problem: error.message, remedy: error.hint ?? Self.restart)]
    case .opened(let store):
      let records = try store.jobs()
      jobs = records.count
      let look = Look(state: state, outbox: outbox, records: records, isRunning: isRunning, whole: whole)
      try look.compare()
      whole = look.whole
      return try look.found.filter { one in
        guard isRunning, let id = one.job else { return true }
        let now = try store.job(id)
        let then = look.records[id]
        return now?.state == then?.state && now?.folder == then?.folder && now?.attempts == then?.attempts
      }
    }
  }

  /// One pass over store and disk.
  private final class Look {
    let state: StateFolder
    let outbox: Outbox
    let rejections: Rejections
    let records: [JobID: JobRecord]
    let isRunning: Bool
    var whole: Set<String>
    private(set) var found: [Disagreement] = []

    init(state: StateFolder, outbox: Outbox, records: [JobRecord], isRunning: Bool, whole: Set<String>) {
      self.state = state
      self.outbox = outbox
      rejections = Rejections(folder: state.rejected)
      self.records = Dictionary(uniqueKeysWithValues: records.map { ($0.id, $0) })
      self.isRunning = isRunning
      self.whole = whole
    }

    func compare() throws {
      for record in records.values.sorted(by: { $0.number < $1.number }) { try check(record) }
      try checkOutbox()
      try checkWork()
      try checkRejected()
      try checkClaims()
      for name in try names(outbox.models) { try checkStaging("\(outbox.models)/\(name)", name, ".publishing-") }
    }

    private func report(_ path: String, _ job: JobID?, _ problem: String, _ remedy: String) {
      found.append(.init(path: path, job: job, problem: problem, remedy: remedy))
    }

    private func exists(_ path: String) throws -> Bool { try Files.status(path) != nil }

    /// The names in a folder; none when it is not there.
    private func names(_ folder: String) throws -> [String] { try exists(folder) ? try Files.list(folder) : [] }

    // MARK: - From the store to the disk

    private func check(_ record: JobRecord) throws {
      let work = state.work(record.id)
      switch record.state {
      case .queued, .running, .waiting:
        if try !exists(work.batch), try !isClaimed(record) {
          report(
            work.batch, record.id, "job \(record.id) is \(record.state.rawValue), but its files are gone",
            "`intray cancel \(record.id)`, and drop the batch again")
        }
      case .publishing:
        let places = [work.out, "\(outbox.folder)/.publishing-\(record.id)"] + [record.folder].compactMap(\.self)
        if try !places.contains(where: exists) {
          report(
            work.out, record.id, "job \(record.id) is being published, but its result is gone",
            "drop the batch again with `force: true`")
        }
      case .done: try checkResult(of: record)
      case .rejected, .cancelled: try checkRejection(of: record)
      }
    }

    private func isClaimed(_ record: JobRecord) throws -> Bool {
      guard let claim = record.claim else { return false }
      return try exists("\(state.claims)/\(claim)")
    }

    private func checkResult(of record: JobRecord) throws {
      guard let folder = record.folder, try exists(folder) else {
        return report(
          record.folder ?? outbox.folder, record.id, "job \(record.id) is done, but its result is gone",
          "put it back, or drop the batch again: it runs once more")
      }
      guard let manifest = try? Manifest.read(folder: folder), manifest.job != record.id else { return }
      report(
        folder, record.id, "holds the result of job \(manifest.job), and the store has job \(record.id) here",
        "drop the batch of job \(record.id) again: it runs once more")
    }

    /// A folder that is not there yet or not there any more belongs to a filing under way.
    private func isBeingFiled(_ record: JobRecord) throws -> Bool {
      guard record.state == .rejected || record.state == .cancelled else { return false }
      if let folder = record.folder, try exists(folder) { return false }
      return try record.folder == nil || rejections.isStaged(record.id) || exists(state.work(record.id).batch)
        || isClaimed(record)
    }

    private func checkRejection(of record: JobRecord) throws {
      guard let folder = record.folder, try !isBeingFiled(record) else { return }
      if try !exists(folder) {
        report(
          folder, record.id, "job \(record.id) is \(record.state.rawValue), but its files are gone",
          "nothing to do: intrayd forgets the job when it starts")
      } else if try !exists("\(folder)/input") {
        report(
          "\(folder)/input", record.id, "the dropped files of job \(record.id) are gone",
          "nothing to do: intrayd forgets the job when it starts")
      } else if try !exists("\(folder)/\(Rejections.reasonName)") {
        report(
          folder, record.id, "holds no \(Rejections.reasonName): it is not as it was filed",
          "`intray status \(record.id)` has the reason")
      }
    }

    // MARK: - From the disk to the store

    private func checkOutbox() throws {
      var results: [JobID: String] = [:]
      for name in try names(outbox.folder) {
        let folder = "\(outbox.folder)/\(name)"
        if name.hasPrefix(".") {
          try checkStaging(folder, name, ".publishing-")
          continue
        }
        guard try Files.status(folder)?.kind == .folder else { continue }
        do {
          let manifest = try Manifest.read(folder: folder)
          if let other = results[manifest.job] {
            report(
              folder, manifest.job, "holds the result of job \(manifest.job), and so does \(other)",
              "compare the two, and remove one")
          }
          results[manifest.job] = folder
          if !whole.contains(folder) { try manifest.verify(folder: folder) }
          whole.insert(folder)
        } catch {
          // Gone meanwhile: a person has taken it away.
          guard try exists(folder) else { continue }
          var error = IntrayError(error)
          // The disk does not say.
          if error.isTransient { throw error }
          error.hint = nil
          report(
            folder, records.values.first { $0.folder == folder }?.id, "is no whole result (\(error))",
            "restore it, or move it away and drop the batch again")
        }
      }
    }

    /// What was being made under a hidden name.
    private func checkStaging(_ path: String, _ name: String, _ prefix: String) throws {
      if Files.isTemporary(name) {
        guard !isRunning else { return }
        return report(path, nil, "was left by a write that was interrupted", "remove it")
      }
      if name.hasPrefix(".purging-") { return report(path, nil, "was to be removed, and is still there", "remove it") }
      guard name.hasPrefix(prefix) else { return }
      let id = JobID(rawValue: String(name.dropFirst(prefix.count)))
      if let id {
        if let record = records[id], try !record.state.isFinal || isBeingFiled(record) { return }
        // `intray run` publishes into the same outbox.
        if try exists(StateFolder(state.foreground).work(id).path) { return }
      }
      report(path, id, "belongs to no job under way", Self.tidy)
    }

    private static let tidy = StateCheck.restart + "; dropped files in it go back to the inbox"

    private func checkWork() throws {
      for name in try names(state.work) {
        let id = JobID(rawValue: name)
        if let id, let record = records[id], try !record.state.isFinal || isBeingFiled(record) { continue }
        report("\(state.work)/\(name)", id, "belongs to no job under way", Self.tidy)
      }
    }

    private func checkRejected() throws {
      let folders = Set(records.values.compactMap(\.folder))
      for name in try names(state.rejected) {
        let folder = "\(state.rejected)/\(name)"
        if name.hasPrefix(".") {
          try checkStaging(folder, name, ".rejecting-")
          continue
        }
        guard !folders.contains(folder), try Files.status(folder)?.kind == .folder else { continue }
        let path = WorkFolder(folder).record
        let record: JobRecord? = try? JSON.decode(from: try Files.read(path, followingLinks: false), path: path)
        // A job that was dropped again has left its earlier rejection behind.
        if let record, records[record.id] != nil { continue }
        report(
          folder, record?.id, "was filed for a job that the store does not know",
          "drop what is in \(folder)/input again, and remove the folder")
      }
    }

    private func checkClaims() throws {
      // A daemon that is running may be checking the batch.
      if isRunning { return }
      let underWay = try records.values.filter { try !$0.state.isFinal || isBeingFiled($0) }
      let known = Set(underWay.compactMap { $0.claim?.split(separator: "/").first.map(String.init) })
      for name in try names(state.claims) where !known.contains(name) {
        report("\(state.claims)/\(name)", nil, "was claimed for no job under way", Self.tidy)
      }
    }
  }
}
