import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox
import Service
import TestSupport
import Testing

/// A state that agrees with itself: a job that is done, one that is rejected, one in the queue.
private struct Place {
  let folder: TemporaryFolder
  let state: StateFolder
  let outbox: Outbox
  let store: JobStore

  init() throws {
    folder = try TemporaryFolder(isSmall: true)
    state = StateFolder("\(folder.path)/state")
    outbox = Outbox(folder: "\(folder.path)/outbox", models: "\(folder.path)/models")
    for path in [state.claims, state.work, state.rejected, outbox.models] { try Files.makeFolder(path) }
    store = try JobStore(state.store)
    try addDone()
    try addRejected()
    try addQueued()
  }

  static func id(_ digit: Character) throws -> JobID {
    try #require(JobID(rawValue: String(repeating: digit, count: 16)))
  }

  private func admit(_ digit: Character, _ name: String) throws -> JobRecord {
    let spec = JobSpec(name: name, run: "echo", data: JobData(files: ["input": DataFile(path: "a.csv")]))
    return try store.admit(JobRecord(id: try Self.id(digit), name: name, runner: "echo", spec: spec))
  }

  private func addDone() throws {
    let record = try admit("a", "done")
    let work = state.work(record.id)
    try folder.write("id\n1\n", to: "state/work/\(record.id)/batch/a.csv")
    try folder.write("{}", to: "state/work/\(record.id)/out/metrics.json")
    try store.move(record.id, to: .running)
    try store.move(record.id, to: .publishing)
    let spec = try #require(record.spec)
    let result = try outbox.publish(
      .init(
        id: record.id, spec: spec, version: "1", attempts: 1, created: Date(), started: Date(), finished: Date(),
        metrics: [:], work: work)
    ) { _ in }
    try store.move(record.id, to: .done) { $0.folder = result }
    try Files.remove(work.path)
  }

  private func addRejected() throws {
    let record = try admit("b", "bad")
    try folder.write("id\n1\n", to: "aside/a.csv")
    try store.move(record.id, to: .cancelled)
    let filed = try Rejections(folder: state.rejected).file(
      .init(
        id: record.id, name: "bad", batch: "\(folder.path)/aside", error: IntrayError(.data, "bad"),
        record: try JSON.encode(record))
    ) { _ in }
    try store.update(record.id) { $0.folder = filed }
  }

  private func addQueued() throws {
    let record = try admit("c", "next")
    try folder.write("id\n1\n", to: "state/work/\(record.id)/batch/a.csv")
  }

  func found(isRunning: Bool = false) throws -> [StateCheck.Disagreement] {
    try StateCheck(state: state, outbox: outbox).disagreements { isRunning }
  }
}

/// What somebody or something does to the disk, and what is said about it.
private struct Damage: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let path: String
  let problem: String
  /// Whether it may be under way beside a running daemon.
  var mayBeUnderWay = false
  let make: @Sendable (Place) throws -> Void

  init(
    _ name: String, path: String, problem: String, mayBeUnderWay: Bool = false,
    make: @escaping @Sendable (Place) throws -> Void
  ) {
    testDescription = name
    self.path = path
    self.problem = problem
    self.mayBeUnderWay = mayBeUnderWay
    self.make = make
  }
}

@Suite struct StateCheckTests {
  fileprivate static let damages = [
    Damage("result gone", path: "outbox/done", problem: "is done, but its result is gone") {
      try Files.remove("\($0.outbox.folder)/done")
    },
    Damage("result changed", path: "outbox/done", problem: "input/a.csv: is not what the manifest says") {
      try $0.folder.write("id\n2\n", to: "outbox/done/input/a.csv")
    },
    Damage("file of a result gone", path: "outbox/done", problem: "metrics.json: is missing") {
      try Files.remove("\($0.outbox.folder)/done/metrics.json")
    },
    Damage("file added to a result", path: "outbox/done", problem: "more.txt: is not in the manifest") {
      try $0.folder.write("", to: "outbox/done/more.txt")
    },
    Damage("no manifest", path: "outbox/half", problem: "is no whole result") {
      try $0.folder.write("", to: "outbox/half/result.csv")
    },
    Damage("result twice", path: "outbox/done-2", problem: "and so does") {
      try Files.copyTree("\($0.outbox.folder)/done", to: "\($0.outbox.folder)/done-2")
    },
    Damage("result of another job", path: "outbox/done", problem: "holds the result of job aaaaaaaaaaaaaaaa") {
      try $0.store.remove(Place.id("a"))
      let spec = JobSpec(name: "other", run: "echo", data: JobData())
      let record = try $0.store.admit(JobRecord(id: Place.id("d"), name: "other", runner: "echo", spec: spec))
      for state in [JobState.running, .publishing] { try $0.store.move(record.id, to: state) }
      let folder = "\($0.outbox.folder)/done"
      try $0.store.move(record.id, to: .done) { $0.folder = folder }
    },
    Damage("publish interrupted", path: "outbox/.publishing-dddddddddddddddd", problem: "belongs to no job") {
      try $0.folder.write("", to: "outbox/.publishing-dddddddddddddddd/input/a.csv")
    },
    Damage("write interrupted", path: "outbox/.intray-0.tmp", problem: "was left by a write", mayBeUnderWay: true) {
      try $0.folder.write("", to: "outbox/.intray-0.tmp")
    },
    Damage("rejected files gone", path: "state/rejected/bad", problem: "is cancelled, but its files are gone") {
      try Files.remove("\($0.state.rejected)/bad")
    },
    Damage("input gone", path: "state/rejected/bad/input", problem: "the dropped files of job") {
      try Files.remove("\($0.state.rejected)/bad/input")
    },
    Damage("reason gone", path: "state/rejected/bad", problem: "holds no reason.txt") {
      try Files.remove("\($0.state.rejected)/bad/reason.txt")
    },
    Damage("rejected without a job", path: "state/rejected/bad", problem: "that the store does not know") {
      try $0.store.remove(Place.id("b"))
    },
    Damage("filing interrupted", path: "state/rejected/.rejecting-dddddddddddddddd", problem: "belongs to no job") {
      try $0.folder.write("", to: "state/rejected/.rejecting-dddddddddddddddd/input/a.csv")
    },
    Damage("batch gone", path: "state/work/cccccccccccccccc/batch", problem: "is queued, but its files are gone") {
      try Files.remove("\($0.state.work)/cccccccccccccccc")
    },
    Damage("work of no job", path: "state/work/dddddddddddddddd", problem: "belongs to no job") {
      try $0.folder.write("", to: "state/work/dddddddddddddddd/batch/a.csv")
    },
    Damage("work of a finished job", path: "state/work/aaaaaaaaaaaaaaaa", problem: "belongs to no job") {
      try $0.folder.write("", to: "state/work/aaaaaaaaaaaaaaaa/log.jsonl")
    },
    Damage("claim of no job", path: "state/claims/0123", problem: "was claimed for no job", mayBeUnderWay: true) {
      try $0.folder.write("", to: "state/claims/0123/a.csv")
    },
  ]

  @Test func `a state that agrees with itself is found so`() throws {
    let place = try Place()
    #expect(try place.found() == [])
    #expect(try place.found(isRunning: true) == [])
  }

  @Test(arguments: damages) fileprivate func `a disagreement is a line with its place, its meaning and what to do`(
    damage: Damage
  ) throws {
    let place = try Place()
    try damage.make(place)
    let found = try place.found()
    let one = try #require(found.first)
    #expect(found.count == 1, "\(found)")
    #expect(one.path == "\(place.folder.path)/\(damage.path)")
    #expect(one.problem.contains(damage.problem), "\(one)")
    #expect(!one.remedy.isEmpty && !one.description.contains("\n"))
    #expect(try place.found(isRunning: true) == (damage.mayBeUnderWay ? [] : found))
  }

  @Test func `what is under way is no disagreement`() throws {
    let place = try Place()
    // A batch on its way from its claim to its work folder.
    try Files.makeFolder("\(place.state.claims)/1/x")
    let spec = JobSpec(name: "claimed", run: "echo", data: JobData())
    try place.store.admit(
      JobRecord(id: Place.id("d"), name: "claimed", runner: "echo", spec: spec, claim: "1/x"))
    // One being published.
    for state in [JobState.running, .publishing] { try place.store.move(Place.id("c"), to: state) }
    let work = place.state.work(try Place.id("c"))
    try Files.rename(work.batch, to: work.out)
    try Files.rename(work.out, to: "\(place.outbox.folder)/.publishing-cccccccccccccccc")
    // One being filed away.
    try Files.rename("\(place.state.rejected)/bad", to: "\(place.state.rejected)/.rejecting-bbbbbbbbbbbbbbbb")
    // One that `intray run` publishes.
    try place.folder.write("", to: "state/foreground/work/eeeeeeeeeeeeeeee/lock")
    try Files.makeFolder("\(place.outbox.folder)/.publishing-eeeeeeeeeeeeeeee")
    #expect(try place.found() == [])
    #expect(try place.found(isRunning: true) == [])
  }

  @Test func `what has passed at the next look is no disagreement beside a daemon`() throws {
    let place = try Place()
    try place.folder.write("", to: "state/work/aaaaaaaaaaaaaaaa/log.jsonl")
    var looks = 0
    let found = try StateCheck(state: place.state, outbox: place.outbox).disagreements {
      looks += 1
      if looks == 2 { try? Files.remove("\(place.state.work)/aaaaaaaaaaaaaaaa") }
      return true
    }
    #expect(found == [])
    #expect(looks == 2)
  }

  @Test func `a damaged store is a disagreement, a missing one an error`() throws {
    let place = try Place()
    for suffix in ["-wal", "-shm"] { try Files.remove(place.state.store + suffix) }
    try place.folder.write(String(repeating: "no database. ", count: 1000), to: "state/store.sqlite")
    let found = try place.found()
    #expect(found.count == 1 && found[0].path == place.state.store && found[0].problem.contains("damaged"))
    try Files.remove(place.state.store)
    #expect { try place.found() } throws: { ($0 as? IntrayError)?.code == .missing }
  }
}
