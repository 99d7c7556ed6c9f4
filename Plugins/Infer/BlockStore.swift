import FileKit
import Foundation
import IntrayCore
import PluginKit

/// Finished blocks of rows in the work folder: whole or not there.
struct BlockStore {
  static let rowsPerBlock = 2048

  /// The rows of a block; `labels` is empty where the file has none.
  struct Block: Codable {
    var ids: [String]
    var labels: [Int32]
    /// Little-endian float32, rows x labels of the model.
    var logits: Data

    var values: [Float] {
      logits.withUnsafeBytes { bytes in
        (0..<bytes.count / 4).map { Float(bitPattern: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)) }
      }
    }
  }

  let job: RunnerJob

  private func path(_ index: Int) -> String { job.work("block-\(index).json") }

  /// Begins an attempt with a model.
  ///
  /// - Returns: whether there were blocks of another model. They are gone.
  func start(model identity: String) throws -> Bool {
    let note = job.work("model.txt")
    let before = try Files.status(note).map { _ in String(decoding: try Files.read(note), as: UTF8.self) }
    if before == identity { return false }
    for name in try Files.list(job.workFolder) where name.hasPrefix("block-") { try Files.remove(job.work(name)) }
    try Files.publish(Data(identity.utf8), to: note)
    return before != nil
  }

  func has(_ index: Int) throws -> Bool { try Files.status(path(index)) != nil }

  func save(_ index: Int, logits: [Float], ids: [String], labels: [Int32]) throws {
    let block = Block(ids: ids, labels: labels, logits: logits.withUnsafeBytes { Data($0) })
    try Files.publish(JSON.encode(block), to: path(index))
  }

  func read(_ index: Int) throws -> Block {
    try JSON.decode(from: Files.read(path(index), limit: 1 << 30), path: path(index))
  }
}
