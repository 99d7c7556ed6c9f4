import Foundation
import GRDB
import GRDBSQLite
import IntrayCore
import Synchronization

/// The jobs and their states, in SQLite.
///
/// (1) Only the daemon writes; others open the store for reading.
/// (2) A state changes only along `JobState.allows`; a record enters as `queued`, or as `rejected` when its batch never
///     became a job.
/// (3) A call that has returned is on disk, except for progress, which may lag behind by what a power cut takes.
///
/// ```swift
/// let store = try JobStore(readOnly: "/var/lib/intray/store.sqlite")
/// for job in try store.jobs() { print(job.id, job.name, job.state) }
/// ```
public final class JobStore: Sendable {
  private let database: any DatabaseWriter
  private let path: String
  private let metDamage = Mutex<IntrayError?>(nil)

  /// What came of opening a store that may be damaged.
  public enum Opening: Sendable {
    case opened(JobStore)
    case damaged(IntrayError)
  }

  /// As `init`, but damage is an answer and no error. A store that is locked or cannot be reached is still an error.
  public static func open(_ path: String, readOnly: Bool = false) throws -> Opening {
    do {
      let database: any DatabaseWriter = readOnly ? try openReader(path) : try openWriter(path)
      // A reader looks at a part only; asked for the damage, it looks at all.
      if readOnly {
        try explain(path) {
          try check(database, path: path)
          try checkRows(database, path: path)
        }
      }
      return .opened(JobStore(database: database, path: path))
    } catch let damage as Damage {
      return .damaged(damage.error)
    }
  }

  /// The damage that a call has met since the store was opened: only opening it anew can help.
  public var damage: IntrayError? { metDamage.withLock { $0 } }

  /// Opens for writing; makes the file and brings it up to the newest form.
  ///
  /// - Throws: `IntrayError(.system)` when the file is damaged, locked, or was written by a newer version.
  public convenience init(_ path: String) throws {
    self.init(database: try Self.withoutDamage { try Self.openWriter(path) }, path: path)
  }

  private static func openWriter(_ path: String) throws -> any DatabaseWriter {
    try explain(path) {
      var configuration = Configuration()
      configuration.busyMode = .timeout(5)
      configuration.prepareDatabase { db in
        // Readers that may not write into the folder need the files beside the store also after the daemon's end
        // (sqlite.org/wal.html, read-only databases).
        var isKept: CInt = 1
        sqlite3_file_control(db.sqliteConnection, nil, SQLITE_FCNTL_PERSIST_WAL, &isKept)
        // A promise of (3): WAL's default would lose the last transactions in a power cut (sqlite.org/wal.html).
        if !db.configuration.readonly { try db.execute(sql: "PRAGMA synchronous = FULL") }
      }
      let pool = try DatabasePool(path: path, configuration: configuration)
      try check(pool, path: path)
      try migrator.migrate(pool)
      try checkRows(pool, path: path)
      return pool
    }
  }

  /// Opens for reading, beside a daemon or without one.
  ///
  /// - Throws: `IntrayError(.missing)` when there is no store yet, `.system` when it cannot be read.
  public convenience init(readOnly path: String) throws {
    self.init(database: try Self.withoutDamage { try Self.openReader(path) }, path: path)
  }

  private static func openReader(_ path: String) throws -> any DatabaseWriter {
    guard FileManager.default.fileExists(atPath: path) else {
      throw IntrayError(
        .missing, "there is no job store here", at: .init(path), hint: "has intrayd run with this state folder?")
    }
    return try explain(path) {
      var configuration = Configuration()
      configuration.readonly = true
      configuration.busyMode = .timeout(5)
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.read { db in
        guard try migrator.hasCompletedMigrations(db) else {
          throw IntrayError(
            .system, "the job store was made by another version", at: .init(path),
            hint: "start this version's intrayd once, or use the intray that belongs to the daemon")
        }
      }
      return queue
    }
  }

  private init(database: any DatabaseWriter, path: String) {
    self.database = database
    self.path = path
  }

  /// A store that lives as long as its owner, for work in the foreground.
  public static func inMemory() throws -> JobStore {
    try explain("memory") {
      let queue = try DatabaseQueue()
      try migrator.migrate(queue)
      return JobStore(database: queue, path: "memory")
    }
  }
}

// MARK: - Reading

extension JobStore {
  /// The jobs in these states (all when nil), newest first.
  public func jobs(in states: Set<JobState>? = nil, limit: Int? = nil) throws -> [JobRecord] {
    try read { db in
      var request = JobRecord.order(Column("number").desc)
      if let states { request = request.filter(states.map(\.rawValue).contains(Column("state"))) }
      if let limit { request = request.limit(limit) }
      return try request.fetchAll(db)
    }
  }

  public func job(_ id: JobID) throws -> JobRecord? {
    try read { db in try Self.fetch(id, db) }
  }

  /// The job that a person means: by its id or the beginning of it (at least 4 digits), the folder that it ended in, or
  /// its name. Of several with one name it is the newest.
  ///
  /// - Throws: `IntrayError(.missing)` when there is none, `.usage` when a beginning fits several ids.
  public func job(matching text: String) throws -> JobRecord {
    let (found, ids, names) =
      try read { db in
        if let record = try JobRecord.filter(Column("id") == text).fetchOne(db) { return (record, [], []) }
        let newest = JobRecord.order(Column("number").desc)
        // The folder's last component, without a pattern match: names may hold % and _.
        let inFolder = newest.filter(sql: "substr(folder, -length(?) - 1) = '/' || ?", arguments: [text, text])
        if let record = try inFolder.fetchOne(db) { return (record, [], []) }
        if let record = try newest.filter(Column("name") == text).fetchOne(db) { return (record, [], []) }
        var ids: [String] = []
        if text.utf8.count >= 4 {
          let beginning = newest.filter(sql: "substr(id, 1, length(?)) = ?", arguments: [text, text])
          let records = try beginning.limit(5).fetchAll(db)
          if records.count == 1 { return (records[0], [], []) }
          ids = records.map(\.id.rawValue)
        }
        return (
          nil, ids, try String.fetchAll(db, sql: "SELECT DISTINCT name FROM job ORDER BY number DESC LIMIT 1000")
        )
      } as (JobRecord?, [String], [String])
    if let found { return found }
    if !ids.isEmpty {
      throw IntrayError(
        .usage, "'\(text)' is the beginning of several jobs", hint: "which of \(ids.joined(separator: ", "))?")
    }
    throw IntrayError(
      .missing, "no job '\(text)'",
      hint: Suggestion.nearest(to: text, among: names).map { "did you mean '\($0)'?" }
        ?? "`intray status` lists the jobs")
  }

  /// How many jobs are in each state.
  public func counts() throws -> [JobState: Int] {
    try read { db in
      var counts: [JobState: Int] = [:]
      for row in try Row.fetchAll(db, sql: "SELECT state, count(*) AS n FROM job GROUP BY state") {
        if let state = JobState(rawValue: row["state"]) { counts[state] = row["n"] }
      }
      return counts
    }
  }

  /// The queued job whose turn it is: of those that nobody holds, the highest priority, then the first to come.
  public func firstQueued() throws -> JobRecord? {
    try read { db in
      try JobRecord.filter(Column("state") == JobState.queued.rawValue && Column("is_held") == false)
        .order(Column("priority").desc, Column("number")).fetchOne(db)
    }
  }

  /// How many jobs wait for a worker.
  public func waitingCount() throws -> Int {
    try read { db in
      let states = [JobState.queued, .waiting].map(\.rawValue)
      return try JobRecord.filter(states.contains(Column("state"))).fetchCount(db)
    }
  }

  /// The jobs in these states that ended before this time, the oldest first.
  public func ended(before time: Date, in states: Set<JobState>, limit: Int) throws -> [JobRecord] {
    try read { db in
      try JobRecord.filter(states.map(\.rawValue).contains(Column("state")) && Column("finished") < time)
        .order(Column("finished")).limit(limit).fetchAll(db)
    }
  }
}

// MARK: - Writing

extension JobStore {
  /// Takes a new record in. It replaces a record with the same id that has come to its end, and removes `retried`.
  ///
  /// - Returns: the record with its number.
  /// - Throws: `IntrayError(.bug)` for a state that no record begins with, or an id whose job is still under way.
  @discardableResult public func admit(_ record: JobRecord, retried: JobID? = nil) throws -> JobRecord {
    guard record.state == .queued || (record.state == .rejected && record.spec == nil) else {
      throw IntrayError(.bug, "a job cannot begin as \(record.state.rawValue)")
    }
    return try write { db in
      for id in [record.id, retried].compactMap({ $0 }) {
        guard let old = try Self.fetch(id, db) else { continue }
        guard old.state.isFinal else {
          throw IntrayError(.bug, "job \(id) is \(old.state.rawValue) and cannot be replaced")
        }
        try old.delete(db)
      }
      var record = record
      try record.insert(db)
      return record
    }
  }

  /// Moves a job to another state and changes its record in the same step.
  ///
  /// - Throws: `IntrayError(.bug)` for a transition that `JobState.allows` forbids; nothing has changed then.
  @discardableResult public func move(
    _ id: JobID, to state: JobState, _ change: (inout JobRecord) -> Void = { _ in }
  ) throws -> JobRecord {
    try write { db in
      var record = try Self.existing(id, db)
      guard record.state.allows(state) else {
        throw IntrayError(.bug, "job \(id) is \(record.state.rawValue) and cannot become \(state.rawValue)")
      }
      record.state = state
      change(&record)
      guard record.state == state else { throw IntrayError(.bug, "a change of job \(id) touched its state") }
      try record.update(db)
      return record
    }
  }

  /// Changes a record without moving it to another state.
  @discardableResult public func update(_ id: JobID, _ change: (inout JobRecord) -> Void) throws -> JobRecord {
    try write { db in
      var record = try Self.existing(id, db)
      let state = record.state
      change(&record)
      guard record.state == state else { throw IntrayError(.bug, "a change of job \(id) touched its state") }
      try record.update(db)
      return record
    }
  }

  /// Fills a store that holds no job yet, in one transaction.
  public func restore(_ records: [JobRecord]) throws {
    try write { db in
      guard try JobRecord.fetchCount(db) == 0 else { throw IntrayError(.bug, "the store holds jobs already") }
      for var record in records {
        record.number = 0
        try record.insert(db)
      }
    }
  }

  /// Forgets a job that has come to its end.
  public func remove(_ id: JobID) throws {
    try write { db in
      guard let record = try Self.fetch(id, db) else { return }
      guard record.state.isFinal else {
        throw IntrayError(.bug, "job \(id) is \(record.state.rawValue) and cannot be removed")
      }
      try record.delete(db)
    }
  }
}

// MARK: - SQLite

extension JobStore {
  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1-jobs") { db in
      // `number` only grows, also after a delete, so that the order of arrival holds.
      try db.create(table: "job") { table in
        table.autoIncrementedPrimaryKey("number")
        table.column("id", .text).notNull().unique()
        table.column("name", .text).notNull().indexed()
        table.column("state", .text).notNull().indexed()
        table.column("runner", .text).notNull()
        table.column("version", .text).notNull()
        table.column("spec", .text)
        table.column("claim", .text)
        table.column("attempts", .integer).notNull()
        table.column("attempts_without_progress", .integer).notNull()
        table.column("publishing_failures", .integer).notNull()
        table.column("next_attempt", .datetime)
        table.column("progress", .text)
        table.column("error", .text)
        table.column("folder", .text)
        table.column("created", .datetime).notNull()
        table.column("started", .datetime)
        table.column("finished", .datetime)
      }
    }
    migrator.registerMigration("2-priorities-and-limits") { db in
      try db.alter(table: "job") { table in
        table.add(column: "priority", .integer).notNull().defaults(to: 0)
        table.add(column: "is_held", .boolean).notNull().defaults(to: false)
        table.add(column: "planned_memory", .integer)
        table.add(column: "running_seconds", .double).notNull().defaults(to: 0)
      }
      try db.create(index: "job_on_queue", on: "job", columns: ["state", "is_held", "priority", "number"])
    }
    return migrator
  }

  private static func fetch(_ id: JobID, _ db: Database) throws -> JobRecord? {
    try JobRecord.filter(Column("id") == id.rawValue).fetchOne(db)
  }

  private static func existing(_ id: JobID, _ db: Database) throws -> JobRecord {
    guard let record = try fetch(id, db) else { throw IntrayError(.bug, "no job \(id) in the store") }
    return record
  }

  /// Reads every page once: damage is found at the start, not in the middle of a job.
  private static func check(_ database: any DatabaseReader, path: String) throws {
    let (verdict, superseded) = try database.read { db in
      (try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "", try migrator.hasBeenSuperseded(db))
    }
    guard verdict == "ok" else { throw Damage(path, verdict) }
    guard !superseded else {
      throw IntrayError(
        .system, "the job store was written by a newer version", at: .init(path), hint: "install that version again")
    }
  }

  /// Pages may be whole and hold what nobody has written.
  private static func checkRows(_ database: any DatabaseReader, path: String) throws {
    do {
      _ = try database.read { db in try JobRecord.fetchAll(db) }
    } catch let error as DatabaseError where error.resultCode != .SQLITE_ERROR {
      throw error
    } catch {
      // SQLITE_ERROR: no such table or column.
      throw Damage(path, (error as? IntrayError)?.message ?? String(describing: error))
    }
  }

  /// The file is not what this code has written.
  private struct Damage: Error {
    let error: IntrayError

    init(_ path: String, _ detail: String) {
      error = IntrayError(
        .system, "the job store is damaged (\(detail))", at: .init(path),
        hint: "start intrayd anew: it keeps the file aside and makes a new store from what is on the disk")
    }
  }

  private static func withoutDamage<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let damage as Damage {
      throw damage.error
    }
  }

  private func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
    try noticing { try database.read(body) }
  }

  private func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
    try noticing { try database.write(body) }
  }

  private func noticing<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try Self.explain(path, body)
    } catch let damage as Damage {
      metDamage.withLock { $0 = damage.error }
      throw damage.error
    }
  }

  private static func explain<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as DatabaseError {
      switch error.resultCode {
      case .SQLITE_CORRUPT, .SQLITE_NOTADB:
        throw Damage(path, error.message ?? "not a database")
      case .SQLITE_BUSY, .SQLITE_LOCKED:
        throw IntrayError(
          .system, "the job store is locked by another program", at: .init(path), hint: "end that program",
          isTransient: true)
      case .SQLITE_FULL, .SQLITE_IOERR:
        throw IntrayError(
          .system, "the job store cannot be written: \(error.message ?? "I/O error")", at: .init(path),
          hint: "is the disk full?", isTransient: true)
      case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
        throw IntrayError(
          .system, "the job store cannot be opened: \(error.message ?? "no access")", at: .init(path),
          hint: "check the owner and the mode of the file and its folder")
      default:
        throw IntrayError(.bug, "SQLite: \(error)", at: .init(path))
      }
    }
  }
}
