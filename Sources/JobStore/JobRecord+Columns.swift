import Foundation
import GRDB
import IntrayCore

extension JobRecord: FetchableRecord, MutablePersistableRecord {
  public static let databaseTableName = "job"

  /// - Throws: `IntrayError(.system)` for a row that this version cannot read.
  public init(row: Row) throws {
    guard let id = JobID(rawValue: row["id"]), let state = JobState(rawValue: row["state"]) else {
      throw IntrayError(.system, "the job store holds a row that cannot be read: \(row.description)")
    }
    self.id = id
    number = row["number"]
    name = row["name"]
    self.state = state
    runner = row["runner"]
    version = row["version"]
    spec = try Self.decode(row["spec"])
    claim = row["claim"]
    attempts = row["attempts"]
    attemptsWithoutProgress = row["attempts_without_progress"]
    publishingFailures = row["publishing_failures"]
    nextAttempt = row["next_attempt"]
    progress = try Self.decode(row["progress"])
    isHeld = row["is_held"]
    plannedMemory = row["planned_memory"]
    runningSeconds = row["running_seconds"]
    error = try Self.decode(row["error"])
    folder = row["folder"]
    created = row["created"]
    started = row["started"]
    finished = row["finished"]
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
