import FileKit
import Foundation
import IntrayCore
import JobStore

/// What has come to its end is removed: when a person says so, or when it is old enough.
extension Dispatcher {
  /// Forgets a job and removes its result, or its rejected files.
  ///
  /// - Returns: what was done, for the person.
  /// - Throws: `IntrayError(.usage)` for a job that is under way.
  public func purge(_ id: JobID) throws -> String {
    guard let record = try store.job(id) else { throw IntrayError(.missing, "no job \(id)") }
    switch record.state {
    case .done:
      let wasThere = try record.folder.map { try places.outbox.remove($0, of: id) } ?? false
      try store.remove(id)
      return "job \(id) is forgotten"
        + (wasThere ? ", and \(record.folder ?? "") removed" : "; its result was not in the outbox any more")
    case .rejected, .cancelled:
      guard let rejections = places.rejections, let folder = record.folder else {
        throw IntrayError(
          .unavailable, "the files of job \(id) are still being filed away", hint: "try again in a few seconds")
      }
      try rejections.remove(folder, of: id)
      try store.remove(id)
      return "job \(id) is forgotten, and \(folder) removed"
    case .queued, .running, .waiting, .publishing:
      throw IntrayError(
        .usage, "job \(id) is \(record.state.rawValue)", hint: "`intray cancel` ends it; purge it then")
    }
  }

  /// Removes at most `limit` jobs that ended before `time`, the oldest first. One that cannot be removed keeps no other.
  ///
  /// - Returns: how many there were.
  /// - Throws: why the first one cannot be removed, when none can.
  public func purge(endedBefore time: Date, in states: Set<JobState>, limit: Int = 100) throws -> Int {
    var (count, failure) = (0, nil as (any Error)?)
    // What is still being filed away has no folder yet, and its turn later.
    for record in try store.ended(before: time, in: states, limit: limit) where record.folder != nil {
      do {
        _ = try purge(record.id)
        count += 1
      } catch {
        failure = failure ?? error
      }
    }
    if count == 0, let failure { throw failure }
    return count
  }
}
