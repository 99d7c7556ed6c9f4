import Foundation
import GRDB
import IntrayCore
import JobStore
import TestSupport
import Testing

private func record(_ digits: String, name: String = "papers", state: JobState = .queued) throws -> JobRecord {
  let id = try #require(JobID(rawValue: digits.padding(toLength: 16, withPad: "0", startingAt: 0)))
  let spec = JobSpec(
    name: name, run: "echo", data: JobData(files: ["input": DataFile(path: "a.csv", rows: 3)]), with: ["steps": 3])
  return JobRecord(
    id: id, name: name, state: state, runner: "echo", version: "1.0", spec: state == .queued ? spec : nil,
    created: Date(timeIntervalSince1970: 1_700_000_000))
}

@Suite struct JobStoreTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/store.sqlite" }

  init() throws { folder = try TemporaryFolder() }

  @Test func `a record comes back as it was written, also for a reader and after reopening`() throws {
    var written = try record("abc1")
    do {
      let store = try JobStore(path)
      written = try store.admit(written)
      written = try store.move(written.id, to: .running) {
        $0.attempts = 2
        $0.attemptsWithoutProgress = 1
        $0.progress = JobProgress(done: 1, total: 4, metrics: ["loss": 0.5, "epoch": 2, "phase": "train"])
        $0.error = IntrayError(
          .crashed, "killed", at: .init("a.csv", line: 3, column: 4), hint: "why", isTransient: true)
        $0.folder = "/outbox/papers"
        $0.started = Date(timeIntervalSince1970: 1_700_000_001)
        $0.nextAttempt = Date(timeIntervalSince1970: 1_700_000_002.5)
      }
      #expect(written.number == 1)
      #expect(try store.job(written.id) == written)
      #expect(try JobStore(readOnly: path).job(written.id) == written)
    }
    #expect(try JobStore(readOnly: path).jobs() == [written])
    #expect(try JobStore(path).job(written.id) == written)
  }

  @Test func `what a reader needs stays when the writer has ended`() throws {
    do {
      let store = try JobStore(path)
      try store.admit(record("abc1"))
    }
    for name in ["store.sqlite-wal", "store.sqlite-shm"] {
      #expect(FileManager.default.fileExists(atPath: "\(folder.path)/\(name)"))
    }
    #expect(try JobStore(readOnly: path).jobs().count == 1)
  }

  @Test func `a reader cannot write`() throws {
    let store = try JobStore(path)
    try store.admit(record("abc1"))
    let reader = try JobStore(readOnly: path)
    #expect(throws: IntrayError.self) { try reader.admit(record("abc2")) }
    #expect(try store.jobs().count == 1)
  }

  @Test(arguments: JobState.allCases, JobState.allCases)
  func `a job moves exactly along the legal transitions`(from: JobState, to: JobState) throws {
    let ways: [JobState: [JobState]] = [
      .queued: [], .running: [.running], .waiting: [.running, .waiting], .publishing: [.running, .publishing],
      .done: [.running, .publishing, .done], .rejected: [.running, .rejected], .cancelled: [.cancelled],
    ]
    let store = try JobStore.inMemory()
    let id = try store.admit(record("abc1")).id
    for step in try #require(ways[from]) { try store.move(id, to: step) }
    if from.allows(to) {
      #expect(try store.move(id, to: to) { $0.attempts = 7 }.state == to)
      #expect(try store.job(id)?.attempts == 7)
    } else {
      let before = try store.job(id)
      #expect(throws: IntrayError.self) { try store.move(id, to: to) { $0.attempts = 7 } }
      #expect(try store.job(id) == before)
    }
  }

  @Test func `the queue is first come, first served, whatever was removed in between`() throws {
    let store = try JobStore(path)
    for digits in ["c", "a", "b"] { try store.admit(record(digits)) }
    #expect(try store.firstQueued()?.id == record("c").id)
    try store.move(record("c").id, to: .cancelled)
    #expect(try store.firstQueued()?.id == record("a").id)
    try store.move(record("b").id, to: .cancelled)
    try store.remove(record("b").id)
    #expect(try store.admit(record("b")).number == 4)
    #expect(try store.jobs().map(\.number) == [4, 2, 1])
    #expect(try store.jobs(in: [.queued], limit: 1).map(\.number) == [4])
    #expect(try store.counts() == [.queued: 2, .cancelled: 1])
  }

  @Test func `a record replaces the finished one with its id and the retried one, never one under way`() throws {
    let store = try JobStore.inMemory()
    let id = try store.admit(record("abc1")).id
    #expect(throws: IntrayError.self) { try store.admit(record("abc1")) }
    try store.move(id, to: .cancelled)
    let refused = try store.admit(record("def1", state: .rejected)).id
    let again = try store.admit(record("abc1"), retried: refused)
    #expect(try store.jobs().map(\.id) == [again.id])
    #expect(throws: IntrayError.self) { try store.remove(again.id) }
    #expect(throws: IntrayError.self) { try store.admit(record("eee1", state: .rejected), retried: again.id) }
    #expect(try store.jobs().count == 1)
    #expect(throws: IntrayError.self) { try store.admit(record("fff1", state: .running)) }
  }

  @Test func `a person finds a job by id, beginning, folder or name`() throws {
    let store = try JobStore.inMemory()
    try store.admit(record("abcd1", name: "papers"))
    try store.move(record("abcd1").id, to: .cancelled) { $0.folder = "/state/rejected/papers-2" }
    try store.admit(record("abcd2", name: "papers"))
    try store.admit(record("beef", name: "50%_off"))
    #expect(try store.job(matching: record("abcd1").id.rawValue).number == 1)
    #expect(try store.job(matching: "abcd1").number == 1)
    #expect(try store.job(matching: "papers-2").number == 1)
    #expect(try store.job(matching: "papers").number == 2)
    #expect(try store.job(matching: "50%_off").number == 3)
    #expect { try store.job(matching: "abcd") } throws: {
      ($0 as? IntrayError)?.code == .usage && "\($0)".contains("abcd1") && "\($0)".contains("abcd2")
    }
    #expect { try store.job(matching: "pappers") } throws: {
      ($0 as? IntrayError)?.code == .missing && "\($0)".contains("did you mean 'papers'?")
    }
    #expect(throws: IntrayError.self) { try store.job(matching: "abc") }
    #expect(throws: IntrayError.self) { try store.job(matching: "") }
  }

  @Test func `a damaged store is named, with what to do`() throws {
    try folder.write(String(repeating: "this is no database. ", count: 500), to: "store.sqlite")
    for open in [{ try JobStore($0) }, { try JobStore(readOnly: $0) }] {
      #expect { try open(path) } throws: {
        let error = $0 as? IntrayError
        return error?.code == .system && error?.message.contains("damaged") == true && error?.location?.path == path
          && error?.hint != nil
      }
    }
  }

  @Test func `damage inside the pages is found at the start`() throws {
    do {
      let store = try JobStore(path)
      for index in 0..<200 { try store.admit(record(String(format: "%04x", index), name: "job-\(index)")) }
    }
    // Closing has brought all of it into the file; what stays beside it would hide the damage.
    for name in ["store.sqlite-wal", "store.sqlite-shm"] {
      try FileManager.default.removeItem(atPath: "\(folder.path)/\(name)")
    }
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    try handle.seek(toOffset: 4096 * 3)
    try handle.write(contentsOf: Data(repeating: 0xa5, count: 4096 * 4))
    try handle.close()
    #expect { try JobStore(path) } throws: { ($0 as? IntrayError)?.message.contains("damaged") == true }
  }

  @Test(arguments: [
    "UPDATE job SET state = 'dreaming'", "UPDATE job SET id = 'x'", "UPDATE job SET spec = '{'",
    "UPDATE job SET created = 'then'", "DROP TABLE job",
  ]) func `what nobody has written is damage, for a writer and for a reader`(statement: String) throws {
    do {
      let store = try JobStore(path)
      try store.admit(record("abc1"))
      #expect(store.damage == nil)
    }
    try DatabaseQueue(path: path).write { try $0.execute(sql: statement) }
    for readOnly in [true, false] {
      guard case .damaged(let error) = try JobStore.open(path, readOnly: readOnly) else {
        Issue.record("opened after: \(statement)")
        continue
      }
      #expect(error.message.contains("damaged") && error.location?.path == path)
    }
    #expect(throws: IntrayError.self) { try JobStore(path) }
  }

  @Test func `damage that a call meets is remembered`() throws {
    let store = try JobStore(path)
    for index in 0..<200 { try store.admit(record(String(format: "%04x", index), name: "job-\(index)")) }
    for name in ["store.sqlite", "store.sqlite-wal"] {
      let handle = try #require(FileHandle(forUpdatingAtPath: "\(folder.path)/\(name)"))
      let size = try handle.seekToEnd()
      try handle.seek(toOffset: 0)
      try handle.write(contentsOf: Data(repeating: 0xa5, count: Int(size)))
      try handle.close()
    }
    #expect(throws: IntrayError.self) {
      try store.admit(record("ffff"))
      _ = try store.jobs()
    }
    #expect(store.damage?.message.contains("damaged") == true)
  }

  @Test func `an empty store is filled in one step, one with jobs never`() throws {
    let store = try JobStore(path)
    var done = try record("abc1")
    done.state = .done
    done.finished = Date(timeIntervalSince1970: 1_700_000_100)
    try store.restore([done, record("abc2")])
    #expect(try store.jobs().map(\.state) == [.queued, .done])
    #expect(try store.jobs().map(\.number) == [2, 1])
    #expect(throws: IntrayError.self) { try store.restore([record("abc3")]) }
  }

  @Test func `a store that is not there is missing for a reader`() {
    #expect { try JobStore(readOnly: path) } throws: { ($0 as? IntrayError)?.code == .missing }
  }
}
