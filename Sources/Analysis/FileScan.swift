import IntrayCore
import Tensors
import Tokenizers

/// The different texts of all files, each with its number and signature.
struct DistinctTexts {
  /// Texts beyond this one are not compared for near-duplicates: a signature takes 256 bytes.
  static let mostSignatures = 4_000_000

  private var index = HashIndex()
  private(set) var signatures: [UInt16] = []

  var count: Int { index.count }
  var areAllCompared: Bool { index.count <= Self.mostSignatures }

  /// The text's number; nil where there is no room for more texts.
  mutating func enter(_ hash: UInt64, signature: @autoclosure () -> ArraySlice<UInt16>) -> Int? {
    let before = index.count
    let number = index.enter(hash)
    if let number, number == before, number < Self.mostSignatures { signatures.append(contentsOf: signature()) }
    return number
  }
}

/// Everything that was counted in a file. It keeps some 50 bytes a row, and no text.
struct FileScan {
  struct Row {
    /// The number of its text; negative where it is empty.
    var text: Int32
    /// Negative where it has none.
    var label: Int32
    var line: Int
    var id: String
  }

  let name: String
  let columns: [String]
  let hasLabels: Bool
  private(set) var rows: [Row] = []
  private(set) var empty = RowCount()
  private(set) var missingLabels = RowCount()
  /// Of each column, and last of all together; pieces are empty without a tokenizer.
  private(set) var wordLengths: [LengthCounts]
  private(set) var pieceLengths: [LengthCounts]
  private(set) var vocabulary = WordTable()
  private(set) var characters = CharacterCounts()

  /// Reads the whole file. While the threads count in one block, one of them reads the next.
  ///
  /// - Parameter goesOn: called with the bytes read so far after each block; false ends it.
  /// - Returns: nil where `goesOn` said so.
  /// - Throws: `IntrayError(.data)` with the line for anything that is wrong with the table.
  init?(
    _ path: String, columns: Columns, needsLabels: Bool, tokenizer: (any Tokenizer)?, pool: ThreadPool,
    labels: inout LabelNames, texts: inout DistinctTexts, goesOn: (_ bytes: Int) -> Bool
  ) throws {
    let blocks = try RowBlocks(path, columns: columns, needsLabels: needsLabels)
    name = blocks.name
    self.columns = columns.text
    hasLabels = blocks.hasLabels
    let figures = columns.text.count + 1
    wordLengths = Array(repeating: LengthCounts(), count: figures)
    pieceLengths = tokenizer == nil ? [] : Array(repeating: LengthCounts(), count: figures)
    let special = tokenizer.map { $0.encode("", columns.text.count > 1 ? "" : nil, maxLength: 1 << 10).ids.count } ?? 0

    var block = try blocks.next(&labels)
    var bytes = 0
    while !block.rows.isEmpty {
      let ranges = Range.chunks(of: block.rows.count, size: 256)
      var scans = [BlockScan?](repeating: nil, count: ranges.count)
      var following = Result<RowBlocks.Block, any Error>.success(RowBlocks.Block())
      scans.withUnsafeMutableBufferPointer { buffer in
        // Each slot is written by one chunk.
        nonisolated(unsafe) let slots = buffer
        pool.run(.tokenising, chunks: ranges.count + 1) { chunk in
          if chunk == 0 {
            following = Result { try blocks.next(&labels) }
          } else {
            slots[chunk - 1] = BlockScan(block, ranges[chunk - 1], of: blocks, tokenizer: tokenizer)
          }
        }
      }
      for (range, scan) in zip(ranges, scans) {
        if let scan { add(scan, labels: block.labels[range], specialPieces: special, texts: &texts) }
      }
      bytes += block.bytes
      guard goesOn(bytes) else { return nil }
      block = try following.get()
    }
    missingLabels = blocks.missingLabels
  }

  private mutating func add(
    _ scan: BlockScan, labels: ArraySlice<Int32>, specialPieces: Int, texts: inout DistinctTexts
  ) {
    vocabulary.add(scan.vocabulary)
    characters.add(scan.characters)
    for (place, (row, label)) in zip(scan.rows, labels).enumerated() {
      let text = row.hash.flatMap { hash in
        texts.enter(hash, signature: scan.signatures[place * MinHash.size..<(place + 1) * MinHash.size])
      }
      if row.hash == nil { empty.add(line: row.line) }
      rows.append(Row(text: Int32(text ?? -1), label: label, line: row.line, id: row.id))
      for (column, length) in row.words.enumerated() { wordLengths[column].add(length) }
      wordLengths[row.words.count].add(row.words.reduce(0, +))
      guard !pieceLengths.isEmpty else { continue }
      for (column, length) in row.pieces.enumerated() { pieceLengths[column].add(length) }
      pieceLengths[row.pieces.count].add(row.pieces.reduce(specialPieces, +))
    }
  }
}
