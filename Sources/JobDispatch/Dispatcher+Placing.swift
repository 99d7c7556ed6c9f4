import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox
import WorkerLink

/// The ways in and out: claims become jobs, jobs become folders of the outbox or of the rejected ones.
extension Dispatcher {
  /// What became of a batch that can run.
  public enum Admission {
    case queued(JobRecord)
    /// The same job is under way, or its result is in the outbox: nothing has to run. The claim is not needed.
    case known(JobRecord)
  }

  /// Makes a job of a claimed batch.
  ///
  /// - Parameters:
  ///   - claim: The claim's folder below `claims`; nil when the batch lies in its work folder already.
  /// - Throws: what the disk or the store say; the claim is as it was then, and the call can be repeated.
  public func admit(id: JobID, spec: JobSpec, version: String, claim: String?) throws -> Admission {
    var id = id
    if let old = try store.job(id) {
      if spec.force {
        id = try nextRepetition(of: id)
      } else if !old.state.isFinal {
        return .known(old)
      } else if old.state == .done, let folder = old.folder, try places.outbox.isIntact(folder, of: id) {
        return .known(old)
      } else if old.state != .done, old.folder == nil {
        throw IntrayError(
          .unavailable, "the files of the rejected job \(id) are still being filed away", isTransient: true)
      }
    }
    let record = try store.admit(
      JobRecord(id: id, name: spec.name, runner: spec.run, version: version, spec: spec, claim: claim))
    insist(record) { [self] in
      try adopt(record)
      tell(record, .queued)
      fill()
    }
    return .queued(record)
  }

  private func nextRepetition(of id: JobID) throws -> JobID {
    for number in 2...9999 {
      guard let next = JobID(rawValue: "\(id)-\(number)") else { break }
      if try store.job(next) == nil { return next }
    }
    throw IntrayError(.usage, "job \(id) was forced too often", hint: "change its seed")
  }

  /// Files a claimed batch away that will never be a job.
  ///
  /// - Parameter claim: The claim's folder below `claims`.
  public func refuse(id: JobID, name: String, runner: String, claim: String, error: IntrayError) throws {
    var record = JobRecord(id: id, name: name, state: .rejected, runner: runner, claim: claim)
    record.error = error
    record.finished = record.created
    place(try store.admit(record))
  }

  /// Moves the batch from its claim to the work folder, unless that was done before.
  private func adopt(_ record: JobRecord) throws {
    let work = places.state.work(record.id)
    try Files.makeFolder(work.path)
    // Before the batch: a batch in a work folder has its record beside it.
    if places.rejections != nil, try Files.status(work.record) == nil {
      try Files.publish(try JSON.encode(record, pretty: true), to: work.record)
    }
    guard let claim = record.claim else { return }
    let folder = "\(places.state.claims)/\(claim)"
    if try Files.status(folder) != nil {
      try Files.rename(folder, to: work.batch)
      try Files.syncFolder(work.path)
      try Files.syncFolder(places.state.work)
    }
    try removeClaim(record)
  }

  private func removeClaim(_ record: JobRecord) throws {
    guard let root = record.claim?.split(separator: "/").first else { return }
    try Files.remove("\(places.state.claims)/\(root)")
  }

  // MARK: - Out

  /// Publishes a finished job or files away one that will not run; repeats it later when the disk refuses.
  func place(_ record: JobRecord) {
    switch record.state {
    case .publishing: publish(record)
    case .rejected, .cancelled: insist(record) { [self] in try file(record.id) }
    case .queued, .running, .waiting, .done: break
    }
  }

  private func publish(_ record: JobRecord) {
    do {
      let folder = try places.outbox.publish(try result(record)) { path in
        try store.update(record.id) { $0.folder = path }
      }
      let done = try store.move(record.id, to: .done) {
        $0.folder = folder
        $0.error = nil
        $0.nextAttempt = nil
      }
      tellEnd(of: done)
      // (6). What cannot be removed now is removed at the next start.
      try? Files.remove(places.state.work(record.id).path)
    } catch {
      publishingFailed(record, IntrayError(error))
    }
  }

  private func publishingFailed(_ record: JobRecord, _ error: IntrayError) {
    insist(record) { [self] in
      switch error.code {
      case .plugin, .spec, .data, .model, .usage:
        // The result itself is at fault: the disk will not make it better.
        try places.outbox.unstage(record.id, work: places.state.work(record.id))
        place(
          try store.move(record.id, to: .rejected) {
            $0.error = error
            $0.folder = nil
            $0.publishingFailures += 1
          })
      case .missing, .system, .crashed, .cancelled, .unavailable, .bug:
        let failures = record.publishingFailures + 1
        let delay = min(settings.retries.delay(failures: failures), .seconds(300))
        let updated = try store.move(record.id, to: .publishing) {
          $0.error = error
          $0.publishingFailures = failures
          $0.nextAttempt = Date(timeIntervalSinceNow: delay.seconds)
        }
        tell(updated, .publishingFailed(error, retryIn: delay))
        loop.after(delay) { [weak self] in
          guard let self, let current = try? store.job(record.id), current.state == .publishing else { return }
          // A person may have asked for it before.
          if current.publishingFailures == failures { publish(current) }
        }
      }
    }
  }

  private func result(_ record: JobRecord) throws -> Outbox.Result {
    guard let spec = record.spec else { throw IntrayError(.bug, "job \(record.id) has no spec") }
    return Outbox.Result(
      id: record.id, spec: spec, version: record.version, attempts: record.attempts, created: record.created,
      started: record.started ?? record.created, finished: record.finished ?? Date(),
      metrics: record.progress?.metrics ?? [:], work: places.state.work(record.id), folder: record.folder)
  }

  private func file(_ id: JobID) throws {
    guard let record = try store.job(id), record.state == .rejected || record.state == .cancelled else { return }
    let error = Self.reason(record)
    let work = places.state.work(id)
    var folder: String?
    if let rejections = places.rejections {
      // (6). A refused batch has no work folder of its own.
      if record.spec != nil { try adopt(record) } else { try Files.makeFolder(work.path) }
      folder = try rejections.file(try rejectionCase(record, error)) { path in
        try store.update(id) { $0.folder = path }
      }
      try removeClaim(record)
    }
    tellEnd(of: try store.update(id) { $0.folder = folder })
    // In the foreground a person may run it again, from its checkpoint.
    guard places.rejections != nil || !error.isTransient else { return }
    // By itself: what has been told is not to be repeated.
    insist(record) { [self] in
      // It may have been retried meanwhile.
      if try store.job(id)?.state == record.state { try Files.remove(work.path) }
    }
  }

  /// How the job came to its end.
  private func tellEnd(of ended: JobRecord) {
    switch ended.state {
    case .done: tell(ended, .done(folder: ended.folder ?? ""))
    case .rejected: tell(ended, .rejected(Self.reason(ended), folder: ended.folder))
    case .cancelled: tell(ended, .cancelled(folder: ended.folder))
    case .queued, .running, .waiting, .publishing: break
    }
  }

  private static func reason(_ rejected: JobRecord) -> IntrayError {
    rejected.error ?? IntrayError(.bug, "rejected for no reason")
  }

  private func rejectionCase(_ record: JobRecord, _ error: IntrayError) throws -> Rejections.Case {
    let work = places.state.work(record.id)
    let batch = record.spec == nil ? "\(places.state.claims)/\(record.claim ?? "")" : work.batch
    return Rejections.Case(
      id: record.id, name: record.name, batch: batch, error: error, work: record.spec == nil ? nil : work,
      keepsResult: record.publishingFailures > 0, record: try JSON.encode(record, pretty: true),
      attempts: record.attempts, folder: record.folder)
  }

  // MARK: - After a crash

  /// Brings disk and store together after the last stop or crash, and starts what is to be started.
  ///
  /// Claims that the store does not know are not looked at here: `Claims.recover` gives them back, with what
  /// `knownClaims` returns.
  public func recover() throws {
    let records = try store.jobs()
    let alive = Set(records.filter { !$0.state.isFinal || $0.folder == nil || isUnfinished($0) }.map(\.id))
    try removeStrangers(except: alive)
    for record in records.reversed() { try recover(record) }
    fill()
  }

  /// The claims that belong to jobs in the store.
  public func knownClaims() throws -> Set<String> { Set(try store.jobs().compactMap(\.claim)) }

  private func isUnfinished(_ record: JobRecord) -> Bool {
    guard record.state != .done, let folder = record.folder else { return false }
    return (try? Files.status(folder)) == .some(nil)
  }

  private func recover(_ record: JobRecord) throws {
    switch record.state {
    case .queued: try adopt(record)
    case .running:
      // (4). Its worker ended with the host.
      try store.move(record.id, to: .queued) { $0.attemptsWithoutProgress = max(0, $0.attemptsWithoutProgress - 1) }
    case .waiting:
      let delay = Duration.seconds(max(0, record.nextAttempt?.timeIntervalSinceNow ?? 0))
      // The clock may have been set back: no wait is longer than it was meant to be.
      wake(record, after: min(delay, settings.retries.delay(failures: record.attemptsWithoutProgress)))
    case .publishing: publish(record)
    case .done: try removeClaim(record)
    case .rejected, .cancelled: try recoverRejected(record)
    }
  }

  private func recoverRejected(_ record: JobRecord) throws {
    guard let folder = record.folder else { return place(record) }
    guard try Files.status(folder) != nil else {
      // Either the rename is missing, or a person has removed the folder.
      guard let rejections = places.rejections else { return }
      guard try rejections.isStaged(record.id) else { return try store.remove(record.id) }
      return place(record)
    }
    guard try Files.status("\(folder)/input") == nil else {
      // Filed just before the crash: the empty claim of a refused batch was to be removed.
      return try removeClaim(record)
    }
    // Given back to the inbox; the rest was to be removed.
    try Files.remove(folder)
    try store.remove(record.id)
  }

  /// Removes what belongs to no job under way. Dropped files among it go to the inbox; an end that was perhaps not told
  /// is told (6).
  private func removeStrangers(except alive: Set<JobID>) throws {
    try Files.makeFolder(places.state.work)
    for name in try Files.list(places.state.work) {
      let id = JobID(rawValue: name)
      if let id, alive.contains(id) { continue }
      let record = try id.flatMap { try store.job($0) }
      if let record { tellEnd(of: record) }
      let work = WorkFolder("\(places.state.work)/\(name)")
      if places.rejections != nil, try Files.status(work.batch) != nil, record?.state != .done {
        _ = try Files.renameNoReplace(work.batch, to: "\(places.inbox)/\(name)")
      }
      // What cannot be removed keeps no service from starting; `intray fsck` names it.
      try? Files.remove(work.path)
    }
    try places.outbox.removeStale(except: alive, inbox: places.inbox)
    try places.rejections?.recover(except: alive, inbox: places.inbox)
  }
}
