import FileKit
import Foundation
import PluginKit

/// Rows that have been labelled; `labels` is empty where the file has none.
struct LabelledBlock: Codable {
  static let rows = 2048

  var ids: [String]
  var labels: [Int32]
  /// Little-endian float32, rows x labels of the model.
  private var logits: Data

  init(ids: [String], labels: [Int32], logits: [Float]) {
    self.ids = ids
    self.labels = labels
    self.logits = logits.withUnsafeBytes { Data($0) }
  }

  var values: [Float] {
    logits.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { Float(bitPattern: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)) }
    }
  }
}

extension BlockStore<LabelledBlock> {
  /// Begins an attempt with a model.
  ///
  /// - Returns: whether there were blocks of another model. They are gone.
  func start(_ job: RunnerJob, model identity: String) throws -> Bool {
    let note = job.work("model.txt")
    let before = try Files.status(note).map { _ in String(decoding: try Files.read(note), as: UTF8.self) }
    if before == identity { return false }
    try removeAll()
    try Files.publish(Data(identity.utf8), to: note)
    return before != nil
  }
}
