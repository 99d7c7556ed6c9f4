import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox
import TestSupport
import Testing

/// What `keep` promises.
@Suite(.fewAtATime) struct RetentionTests {
  /// `keep` was set late, or the daemon was off for long.
  @Test func `a backlog of old jobs is removed in steps, and what is under way stays`() async throws {
    let daemon = try DaemonProcess("keep: {results: 2s, rejected: 2s}")
    try Files.makeFolder(daemon.state.path)
    do {
      let store = try JobStore(daemon.state.store)
      let outbox = Outbox(folder: daemon.outbox, models: "\(daemon.state.path)/models")
      for number in 0..<250 { try addDone(number, to: store, outbox, daemon) }
      for number in 250..<470 { try addRejected(number, to: store, daemon) }
      #expect(try store.jobs().count == 470)
    }
    try daemon.dropEcho("long", repeat: 100, delay: 100)
    try await daemon.start()
    try await daemon.waitForState(.running, of: "long")
    try await daemon.wait("the old ones are gone") {
      try Files.list(daemon.outbox) == [] && Files.list(daemon.state.rejected) == []
    }
    #expect(try JobStore(readOnly: daemon.state.store).jobs().map(\.name) == ["long"])
    try await daemon.expectAgreement()
    let steps = daemon.said.matches(of: #/ (\d+) (results|rejected batches) were older than 2 seconds/#)
      .map { (count: Int($0.1) ?? 0, what: String($0.2)) }
    #expect(steps.filter { $0.what == "results" }.map(\.count) == [100, 100, 50])
    #expect(steps.filter { $0.what != "results" }.map(\.count) == [100, 100, 20])
    #expect(try await daemon.stop() == 0)
    try await daemon.expectAgreement()
  }

  private static let longAgo = Date(timeIntervalSinceNow: -86_400 * 100)

  private func admit(_ number: Int, to store: JobStore) throws -> JobRecord {
    let digits = String(number, radix: 16)
    let id = try #require(JobID(rawValue: String(repeating: "0", count: 16 - digits.count) + digits))
    let spec = JobSpec(name: "old-\(number)", run: "echo", data: JobData(files: ["input": DataFile(path: "a.csv")]))
    return try store.admit(
      JobRecord(id: id, name: spec.name, runner: "echo", spec: spec, created: Self.longAgo))
  }

  private func addDone(_ number: Int, to store: JobStore, _ outbox: Outbox, _ daemon: DaemonProcess) throws {
    let record = try admit(number, to: store)
    let work = daemon.state.work(record.id)
    try daemon.folder.write("id\n1\n", to: "state/work/\(record.id)/batch/a.csv")
    try daemon.folder.write("{}", to: "state/work/\(record.id)/out/metrics.json")
    try store.move(record.id, to: .running)
    try store.move(record.id, to: .publishing)
    let result = try outbox.publish(
      .init(
        id: record.id, spec: try #require(record.spec), version: "1", attempts: 1, created: Self.longAgo,
        started: Self.longAgo, finished: Self.longAgo, metrics: [:], work: work)
    ) { _ in }
    try store.move(record.id, to: .done) {
      $0.folder = result
      $0.finished = Self.longAgo
    }
    try Files.remove(work.path)
  }

  private func addRejected(_ number: Int, to store: JobStore, _ daemon: DaemonProcess) throws {
    let record = try admit(number, to: store)
    try daemon.folder.write("id\n1\n", to: "batch/a.csv")
    try store.move(record.id, to: .cancelled) { $0.finished = Self.longAgo }
    let filed = try Rejections(folder: daemon.state.rejected).file(
      .init(
        id: record.id, name: record.name, batch: "\(daemon.folder.path)/batch", error: IntrayError(.data, "bad"),
        record: try JSON.encode(record))
    ) { _ in }
    try store.update(record.id) { $0.folder = filed }
  }
}
