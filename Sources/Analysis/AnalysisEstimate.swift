import IntrayCore
import Tokenizers

/// What an analysis will take. All rows are read, with the same errors; those of the first block are counted, to measure
/// the speed.
public struct AnalysisEstimate: Sendable {
  /// By role.
  public private(set) var rows: [String: Int] = [:]
  /// What of the memory is for what, in bytes.
  public private(set) var memoryParts: [String: Int] = [:]
  public private(set) var seconds = 0.0

  /// - Returns: nil where `goesOn` said so; it is called now and then.
  public init?(
    files: [String: String], columns: Columns, tokenizer: (any Tokenizer)?, threads: Int, goesOn: () -> Bool
  ) throws {
    let began = ContinuousClock.now
    var labels = LabelNames()
    var bytes = 0
    var measured: (bytes: Int, seconds: Double)?
    for role in DataSetAnalysis.roles {
      guard let path = files[role] else { continue }
      let blocks = try RowBlocks(path, columns: columns, needsLabels: role == "train")
      var count = 0
      while true {
        guard goesOn() else { return nil }
        let block = try blocks.next(&labels)
        if block.rows.isEmpty { break }
        count += block.rows.count
        bytes += block.bytes
        if measured == nil {
          let start = ContinuousClock.now
          _ = BlockScan(block, 0..<block.rows.count, of: blocks, tokenizer: tokenizer)
          measured = (block.bytes * max(threads, 1), (ContinuousClock.now - start) / .seconds(1))
        }
      }
      rows[role] = count
    }
    let reading = (ContinuousClock.now - began) / .seconds(1)
    let all = rows.values.reduce(0, +)
    // Heaps' law: the different words grow with the root of all words, of about six bytes each.
    let words = min(Double(WordTable.Limits.words), 40 * (Double(bytes) / 6).squareRoot())
    memoryParts = [
      // As measured of a worker that analyses a few rows.
      "process": 48 << 20,
      "blocks": 4 * min(RowBlocks.mostBytes, bytes),
      // A row's entry, its signature, and its places in the search for near-duplicates.
      "rows": all * 450,
      "vocabulary": Int(words) * 400,
    ]
    seconds = reading + (measured.map { Double(bytes) / Double(max($0.bytes, 1)) * $0.seconds * 1.3 } ?? 0)
  }
}
