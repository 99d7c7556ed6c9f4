import FileKit
import Foundation
import IntrayCore
import Models
import Tensors
import Testing

/// Intray's side of scripts/parity: opens a model, computes logits, saves the model.
@Suite struct ParityTests {
  struct Job: Decodable {
    let model: String
    let head: Head?
    let labels: [String]?
    let ids: [[Int32]]
    let segments: [[Int32]]
    /// Where the logits go, as JSON: a list per text.
    let logits: String
    /// Where the model is saved.
    let save: String?
  }

  static let path = ProcessInfo.processInfo.environment["INTRAY_PARITY"]

  @Test(.enabled(if: path != nil, "needs INTRAY_PARITY, which scripts/parity sets"))
  func logitsForTheScript() throws {
    let path = try #require(Self.path)
    let job: Job = try JSON.decode(from: Files.read(path), path: path)
    let model = try SequenceClassifier.load(
      folder: job.model, head: job.head, labels: job.labels, seed: 1, precision: .fp32, pool: ThreadPool(threads: 2))
    if let folder = job.save { try model.save(to: folder) }
    // Packed in batches of unlike lengths, as in a real job.
    var rows: [[Float]] = []
    for first in stride(from: 0, to: job.ids.count, by: 16) {
      let range = first..<min(first + 16, job.ids.count)
      let logits = try model.forward(PackedBatch(range.map { (ids: job.ids[$0], segments: job.segments[$0]) }))
      let classes = logits.shape[1]
      for row in 0..<range.count { rows.append(Array(logits.elements[row * classes..<(row + 1) * classes])) }
    }
    #expect(rows.count == job.ids.count)
    try Files.publish(JSON.encode(rows), to: job.logits)
  }
}
