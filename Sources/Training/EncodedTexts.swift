import IntrayCore
import Tensors
import Tokenizers

/// Rows cut into token ids, in the order of the file.
public struct EncodedTexts: Sendable {
  public private(set) var ids: [String] = []
  /// Label indices; empty where the file has no labels.
  public private(set) var labels: [Int32] = []
  public private(set) var encodings: [Encoding] = []
  public private(set) var lineage = Lineage()

  public var count: Int { encodings.count }
  public var tokens: Int { encodings.reduce(0) { $0 + $1.ids.count } }

  /// Reads and tokenises up to `limit` rows; an empty result means the end of the file.
  ///
  /// - Parameter label: turns a label into its index, with its file and line for the error.
  public init(
    reading rows: TextRows, limit: Int = .max, tokenizer: any Tokenizer, maxLength: Int, pool: ThreadPool,
    label: (_ name: String, _ file: String, _ line: Int) throws -> Int32
  ) throws {
    var block: [TextRow] = []
    var remaining = limit
    while remaining > 0 {
      block.removeAll(keepingCapacity: true)
      while block.count < min(1024, remaining), let row = try rows.next() {
        block.append(row)
        ids.append(row.id)
        lineage.append(id: row.id, parent: row.parent)
        if let name = row.label { labels.append(try label(name, rows.name, row.line)) }
      }
      if block.isEmpty { break }
      remaining -= block.count
      encodings += Self.encode(block, tokenizer: tokenizer, maxLength: maxLength, pool: pool)
    }
  }

  private static func encode(_ rows: [TextRow], tokenizer: any Tokenizer, maxLength: Int, pool: ThreadPool)
    -> [Encoding]
  {
    let piece = 32
    return [Encoding](unsafeUninitializedCapacity: rows.count) { buffer, initialized in
      // Each row's slot is written by exactly one chunk.
      nonisolated(unsafe) let slots = buffer.baseAddress
      pool.run(.tokenising, chunks: (rows.count + piece - 1) / piece) { chunk in
        guard let slots else { return }
        for index in chunk * piece..<min(rows.count, (chunk + 1) * piece) {
          let row = rows[index]
          (slots + index).initialize(to: tokenizer.encode(row.first, row.second, maxLength: maxLength))
        }
      }
      initialized = rows.count
    }
  }
}
