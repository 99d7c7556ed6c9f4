import PluginKit

/// Rows whose texts have been translated there and back.
struct TranslatedBlock: Codable {
  /// Each block begins with new translators; what a translator carries from text to text stays within a block, so
  /// blocks are cut by rows only.
  static let rows = 64

  var ids: [String]
  /// Of all texts of all rows but the blank ones.
  var translations: [String]
}

/// The rows of one block with what there is to translate.
struct BlockRows {
  var index: Int
  var ids: [String] = []
  /// All texts of all rows but the blank ones.
  var texts: [String] = []
}

/// Which rows a missing block has.
struct MissingBlock {
  var index: Int
  var count: Int
}

extension BlockStore<TranslatedBlock> {
  /// The blocks that no earlier attempt has finished. One that cannot be read is done again.
  func missing(in prepared: BacktranslatePreparation) -> [MissingBlock] {
    var missing: [MissingBlock] = []
    for (index, first) in stride(from: 0, to: prepared.rowCount, by: TranslatedBlock.rows).enumerated() {
      let count = min(TranslatedBlock.rows, prepared.rowCount - first)
      if let block = try? read(index), block.ids.count == count { continue }
      missing.append(MissingBlock(index: index, count: count))
    }
    return missing
  }
}

/// Reads the rows of the missing blocks.
final class BlockReader {
  private let rows: InputRows
  private var wanted: [MissingBlock]
  private var block = 0

  init(_ prepared: BacktranslatePreparation, wanted: [MissingBlock]) throws {
    rows = try prepared.open()
    self.wanted = wanted.reversed()
  }

  func next() throws -> (block: BlockRows, texts: [String])? {
    guard let missing = wanted.popLast() else { return nil }
    while block < missing.index {
      for _ in 0..<TranslatedBlock.rows { _ = try rows.next() }
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
