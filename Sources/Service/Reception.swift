import FileKit
import Foundation
import Intake
import IntrayCore
import ModelStore
import JobDispatch
import Logging
import PluginHost
import SpecFile
import WorkerLink

/// Takes batches from the inbox to the dispatcher, one after the other: look, claim, check, admit or refuse.
///
/// (1) The inbox is watched before it is first listed, and listed again after lost events: nothing is missed.
/// (2) The loop never waits for a batch: a check works in slices.
/// (3) What the disk refuses is tried again; a batch is refused only for what it is.
final class Reception {
  private let loop: EventLoop
  private let inbox: Inbox
  private let claims: Claims
  private let dispatcher: Dispatcher
  private let catalog: PluginCatalog
  private let models: ModelStore
  private let story: JobStory
  private var watcher: FolderWatcher
  private var watch: EventLoop.Watch?
  private var lookTimer: EventLoop.Timer?
  /// Complete batches that are still in the inbox.
  private var ready: [Batch] = []
  private var current: Work?
  private var isStopped = false
  /// As many jobs wait as may: nothing is taken.
  private(set) var isFull = false
  /// Jobs that may wait.
  var queueLimit: Int
  /// Why claims of the last run, or of a batch that could not be taken, cannot be given back yet: the inbox lacks their
  /// files.
  private var strayClaims: IntrayError?
  /// Batches that could not be taken, by name: why, and when to try again.
  private var troubles: [String: Trouble] = [:]

  private struct Trouble {
    let error: IntrayError
    let next: ContinuousClock.Instant
  }

  /// A claimed batch on its way.
  private struct Work {
    let claim: Claim
    let check: BatchCheck
    var checked: CheckedBatch?
    var refusal: IntrayError?
  }

  private static let repetition = Duration.seconds(5)
  /// Events come in bursts; one look serves them all.
  private static let gathering = Duration.milliseconds(10)
  /// Batches that are taken between two looks: what was seen must not get old.
  private static let batchesPerLook = 256
  /// Between two looks at a full queue.
  private static let fullInterval = Duration.seconds(1)

  init(
    loop: EventLoop, inbox: Inbox, claims: Claims, dispatcher: Dispatcher, catalog: PluginCatalog, models: ModelStore,
    queueLimit: Int, story: JobStory
  ) throws {
    self.loop = loop
    self.inbox = inbox
    self.claims = claims
    self.dispatcher = dispatcher
    self.catalog = catalog
    self.models = models
    self.queueLimit = queueLimit
    self.story = story
    watcher = try FolderWatcher()
    try watcher.watch(inbox.folder)
  }

  func start() {
    let returned = recoverClaims()
    if returned > 0 { story.logger.notice("\(returned) claims of the last run went back to the inbox") }
    watch = loop.watch(descriptor: watcher.descriptor) { [weak self] in self?.readEvents() }
    look(after: .zero)
  }

  func setRules(_ rules: Inbox.Rules) {
    inbox.rules = rules
    look(after: .zero)
  }

  /// Takes nothing more; a batch that is on its way goes back to the inbox.
  func stop() {
    isStopped = true
    watch?.cancel()
    lookTimer?.cancel()
    ready = []
    current = nil
    recoverClaims()
  }

  // MARK: - Looking

  private func readEvents() {
    do {
      for event in try watcher.read() {
        if event.kind == .folderGone, event.folder == inbox.folder { rewatch() }
        // A folder that has gone again is no loss: the look will not find it either.
        if let folder = inbox.note(event) { try? watcher.watch(folder) }
      }
      look(after: Self.gathering)
    } catch {
      story.logger.error("\(IntrayError(error))")
      look(after: Self.repetition)
    }
  }

  /// The inbox itself was removed or moved away.
  private func rewatch() {
    do {
      try Files.makeFolder(inbox.folder)
      try watcher.watch(inbox.folder)
      story.logger.warning("the inbox was gone and has been made again: \(inbox.folder)")
      look(after: .zero)
    } catch {
      story.logger.error("the inbox is gone: \(IntrayError(error))")
      loop.after(Self.repetition) { [weak self] in self?.rewatch() }
    }
  }

  private func look(after delay: Duration) {
    lookTimer?.cancel()
    lookTimer = loop.after(delay) { [weak self] in self?.lookNow() }
  }

  private func lookNow() {
    // What is on its way comes first; the look follows it.
    guard !isStopped, current == nil, ready.isEmpty else { return }
    if strayClaims != nil { recoverClaims() }
    do {
      if try waitsForRoom() { return look(after: Self.fullInterval) }
      let now = ContinuousClock.now
      let findings = try inbox.look(at: now)
      for notice in findings.notices { story.logger.notice("\(notice)") }
      troubles = troubles.filter { name, _ in findings.ready.contains { $0.name == name } }
      ready = Array(
        findings.ready.lazy.filter { [troubles] in troubles[$0.name].map { $0.next <= now } ?? true }
          .prefix(Self.batchesPerLook))
      if !ready.isEmpty { return takeNext() }
      let repetition = strayClaims == nil ? nil : now + Self.repetition
      let next = troubles.values.map(\.next) + [findings.next, repetition].compactMap(\.self)
      if let next = next.min() { look(after: next - now) }
    } catch {
      let error = IntrayError(error)
      // The event that it has gone may be among those that were lost.
      if error.code == .missing { return rewatch() }
      story.logger.error("\(error)")
      look(after: Self.repetition)
    }
  }

  /// A full queue takes more only when a tenth of it is free again: looking at a full inbox is not for nothing.
  private func waitsForRoom() throws -> Bool {
    let wasFull = isFull
    isFull = try dispatcher.isFull(limit: wasFull ? max(1, queueLimit - queueLimit / 10) : queueLimit)
    if isFull, !wasFull {
      story.logger.notice("\(queueLimit) jobs wait, as many as `queue` says: what is dropped stays in the inbox")
    }
    if !isFull, wasFull { story.logger.notice("the queue has room again") }
    return isFull
  }

  // MARK: - One batch

  private func takeNext() {
    if (try? waitsForRoom()) == true { ready = [] }
    guard !ready.isEmpty else { return look(after: .zero) }
    let batch = ready.removeFirst()
    do {
      if let claim = try claims.claim(batch) {
        let check = BatchCheck(folder: claim.folder, source: batch.source, routes: inbox.rules.routes, models: models) {
          [catalog] in try catalog.description(for: $0)
        }
        current = Work(claim: claim, check: check, refusal: batch.refusal)
      }
      troubles[batch.name] = nil
    } catch {
      notTaken(batch, IntrayError(error))
    }
    goOn(after: .zero)
  }

  /// It stays in the inbox, and the others get their turn. Said once.
  private func notTaken(_ batch: Batch, _ error: IntrayError) {
    // The message names the claim, which is another one each time.
    if troubles[batch.name]?.error.location != error.location {
      story.logger.error("\(batch.name): cannot be taken from the inbox: \(error); tried again and again")
    }
    troubles[batch.name] = Trouble(error: error, next: .now + Self.repetition)
    // What the failed claim still holds goes back.
    recoverClaims()
  }

  /// Gives claims back that belong to no job. One that cannot go back keeps nothing else; it is told once.
  ///
  /// - Returns: how many went back.
  @discardableResult private func recoverClaims() -> Int {
    do {
      let count = try claims.recover(known: dispatcher.knownClaims())
      strayClaims = nil
      return count
    } catch {
      let error = IntrayError(error)
      if error != strayClaims { story.logger.error("\(error); tried again and again") }
      strayClaims = error
      return 0
    }
  }

  private func goOn(after delay: Duration) {
    loop.after(delay) { [weak self] in
      guard let self else { return }
      if current == nil { takeNext() } else { advance() }
    }
  }

  private func advance() {
    guard var work = current else { return }
    do {
      try step(&work)
      goOn(after: .zero)
    } catch {
      let error = IntrayError(error)
      story.logger.error("\(work.claim.batch.name): \(error); tried again in a few seconds")
      current = work
      goOn(after: Self.repetition)
    }
  }

  /// - Throws: what may be tried again.
  private func step(_ work: inout Work) throws {
    if work.refusal == nil, work.checked == nil {
      do {
        work.checked = try work.check.advance()
        current = work
        if work.checked == nil { return }
      } catch {
        let error = IntrayError(error)
        if error.isTransient { throw error }
        work.refusal = error
      }
    }
    if let refusal = work.refusal {
      try refuse(work, refusal)
    } else if let checked = work.checked {
      try admit(checked, work.claim)
    }
    current = nil
  }

  private func refuse(_ work: Work, _ error: IntrayError) throws {
    try dispatcher.refuse(
      id: try JobID.random(), name: work.check.name ?? work.claim.batch.name, runner: work.check.runnerName ?? "",
      claim: work.claim.name, error: error)
  }

  private func admit(_ checked: CheckedBatch, _ claim: Claim) throws {
    switch try dispatcher.admit(
      id: checked.id, spec: checked.spec, version: checked.version, claim: claim.name)
    {
    case .queued: break
    case .known(let job):
      story.answer(job)
      try claims.remove(claim.name)
    }
  }
}

extension PluginCatalog {
  /// The description of the runner that a spec names.
  ///
  /// - Throws: `IntrayError(.spec)` at the runner's place in the spec when there is none of this name.
  func description(for draft: DraftSpec) throws -> RunnerDescription {
    do {
      return try runner(named: draft.run).description
    } catch let error as IntrayError {
      // An error about a plugin that is there names its file.
      guard error.code == .plugin, error.location == nil else { throw error }
      throw draft.unknownRunner(known: try runners().map(\.description.name))
    }
  }
}
