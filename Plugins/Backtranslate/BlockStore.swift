import FileKit
import Foundation
import IntrayCore
import PluginKit

/// The rows of one block with what there is to translate.
struct BlockRows {
  var index: Int
  var ids: [String] = []
  /// All texts of all rows but the blank ones.
  var texts: [String] = []
}

/// Finished blocks of rows in the work folder: whole or not there.
struct BlockStore {
  /// Each block begins with new translators; what a translator carries from text to text stays within a block, so
  /// blocks are cut by rows only.
  static let rowsPerBlock = 64

  struct Block: Codable {
    var ids: [String]
    var translations: [String]
  }

  /// Which rows a missing block has.
  struct Missing {
    var index: Int
    var count: Int
  }

  let job: RunnerJob

  private func path(_ index: Int) -> String { job.work("block-\(index).json") }

  /// The blocks that no earlier attempt has finished. One that cannot be read is done again.
  func missing(in prepared: BacktranslatePreparation) throws -> [Missing] {
    var missing: [Missing] = []
    for (index, first) in stride(from: 0, to: prepared.rowCount, by: Self.rowsPerBlock).enumerated() {
      let count = min(Self.rowsPerBlock, prepared.rowCount - first)
      if let block = try? read(index), block.ids.count == count { continue }
      missing.append(Missing(index: index, count: count))
    }
    return missing
  }

  func save(_ rows: BlockRows, translations: [String]) throws {
    try Files.publish(JSON.encode(Block(ids: rows.ids, translations: translations)), to: path(rows.index))
  }

  func read(_ index: Int) throws -> Block {
    try JSON.decode(from: Files.read(path(index), limit: 1 << 30), path: path(index))
  }
}

/// Reads the rows of the missing blocks.
final class BlockReader {
  private let rows: InputRows
  private var wanted: [BlockStore.Missing]
  private var block = 0

  init(_ prepared: BacktranslatePreparation, wanted: [BlockStore.Missing]) throws {
    rows = try prepared.open()
    self.wanted = wanted.reversed()
  }

  func next() throws -> (block: BlockRows, texts: [String])? {
    guard let missing = wanted.popLast() else { return nil }
    while block < missing.index {
      for _ in 0..<BlockStore.rowsPerBlock { _ = try rows.next() }
      block += 1
    }
    var result = BlockRows(index: missing.index)
    for _ in 0..<missing.count {
      guard let row = try rows.next() else { break }
      result.ids.append(row.id)
      if !row.isBlank { result.texts += row.texts }
    }
    block += 1
    return (result, result.texts)
  }
}
