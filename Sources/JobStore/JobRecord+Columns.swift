import Foundation
import GRDB
import IntrayCore

extension JobRecord: FetchableRecord, MutablePersistableRecord {
  public static let databaseTableName = "job"

  /// - Throws: `IntrayError(.system)` for a row that this version cannot read.
  public init(row: Row) throws {
    // `decode` throws where a subscript would trap.
    let (id, state): (String, String) = (try row.decode(forColumn: "id"), try row.decode(forColumn: "state"))
    guard let id = JobID(rawValue: id), let state = JobState(rawValue: state) else {
      throw IntrayError(.system, "the job store holds a row that cannot be read: \(row.description)")
    }
    self.id = id
    number = try row.decode(forColumn: "number")
    name = try row.decode(forColumn: "name")
    self.state = state
    runner = try row.decode(forColumn: "runner")
    version = try row.decode(forColumn: "version")
    spec = try Self.decode(row.decode(forColumn: "spec"))
    claim = try row.decode(forColumn: "claim")
    attempts = try row.decode(forColumn: "attempts")
    attemptsWithoutProgress = try row.decode(forColumn: "attempts_without_progress")
    publishingFailures = try row.decode(forColumn: "publishing_failures")
    nextAttempt = try row.decode(forColumn: "next_attempt")
    progress = try Self.decode(row.decode(forColumn: "progress"))
    isHeld = try row.decode(forColumn: "is_held")
    plannedMemory = try row.decode(forColumn: "planned_memory")
    runningSeconds = try row.decode(forColumn: "running_seconds")
    error = try Self.decode(row.decode(forColumn: "error"))
    folder = try row.decode(forColumn: "folder")
    created = try row.decode(forColumn: "created")
    started = try row.decode(forColumn: "started")
    finished = try row.decode(forColumn: "finished")
  }

  public func encode(to container: inout PersistenceContainer) throws {
    container["number"] = number == 0 ? nil : number
    container["id"] = id.rawValue
    container["name"] = name
    container["state"] = state.rawValue
    container["runner"] = runner
    container["version"] = version
    container["spec"] = try spec.map { try JSON.text($0) }
    container["claim"] = claim
    container["attempts"] = attempts
    container["attempts_without_progress"] = attemptsWithoutProgress
    container["publishing_failures"] = publishingFailures
    container["next_attempt"] = nextAttempt
    container["progress"] = try progress.map { try JSON.text($0) }
    container["priority"] = spec?.priority ?? 0
    container["is_held"] = isHeld
    container["planned_memory"] = plannedMemory
    container["running_seconds"] = runningSeconds
    container["error"] = try error.map { try JSON.text($0) }
    container["folder"] = folder
    container["created"] = created
    container["started"] = started
    container["finished"] = finished
  }

  public mutating func didInsert(_ inserted: InsertionSuccess) {
    number = Int(inserted.rowID)
  }

  private static func decode<Value: Decodable>(_ text: String?) throws -> Value? {
    try text.map { try JSON.decode(Value.self, from: $0, path: "store.sqlite", code: .system) }
  }
}
