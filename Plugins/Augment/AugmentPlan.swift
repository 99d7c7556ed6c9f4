import FileKit
import Foundation
import IntrayCore
import PluginKit

extension Augment {
  /// WordNet's words and synonyms, where they are needed.
  private static let lexiconBytes = 64 << 20

  /// The input is read to its end, and its first rows are changed to measure the speed. Translations are looked up in an
  /// index that is gone afterwards.
  static func plan(_ job: RunnerJob, host: RunnerHost) throws -> JobPlan {
    let began = ContinuousClock.now
    let work = "\(NSTemporaryDirectory())intray-plan-\(UUID().uuidString)"
    try Files.makeFolder(work)
    defer { try? Files.remove(work) }
    let prepared = try AugmentPreparation(job, host, work: work)
    let total = try count(prepared.path, host)
    let preparing = (ContinuousClock.now - began) / .seconds(1)
    let block = try prepared.open().next(rowsPerBlock)
    let start = ContinuousClock.now
    let results = try augment(block, prepared.augmenter, prepared.pool)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let bytes = zip(block, results).reduce(0) { sum, pair in
      sum + pair.0.fields.reduce(0) { $0 + $1.utf8.count }
        + pair.1.copies.reduce(0) { $0 + $1.texts.reduce(0) { $0 + $1.utf8.count } }
    }
    let memory = ["rows": 4 * bytes, "lexicon": lexiconBytes]
    return JobPlan(
      memoryBytes: memory.values.reduce(0, +), memoryParts: memory,
      seconds: preparing + seconds * Double(total) / Double(max(1, block.count)))
  }
}
