import Tables
import Tokenizers

/// What is counted in some rows of a block, on one thread.
struct BlockScan {
  struct ScannedRow {
    var line: Int
    var id: String
    /// Of the text, white space made plain; nil where there is none.
    var hash: UInt64?
    /// Of each text column.
    var words: [Int]
    var pieces: [Int]
  }

  private(set) var rows: [ScannedRow] = []
  /// Of all rows behind each other; zeros for a row without text.
  private(set) var signatures: [UInt16] = []
  private(set) var vocabulary = WordTable()
  private(set) var characters = CharacterCounts()

  init(_ block: RowBlocks.Block, _ range: Range<Int>, of file: RowBlocks, tokenizer: (any Tokenizer)?) {
    rows.reserveCapacity(range.count)
    signatures.reserveCapacity(range.count * MinHash.size)
    var words = WordScanner()
    var plain: [UInt8] = []
    for number in range {
      let row = block.rows[number]
      words.removeAll()
      plain.removeAll(keepingCapacity: true)
      var scanned = ScannedRow(
        line: row.line, id: file.id(of: row, number: block.start + number), hash: nil, words: [], pieces: [])
      var isEmpty = true
      for column in file.texts {
        row.withBytes(column) { text in
          let before = words.count
          words.append(text)
          scanned.words.append(words.count - before)
          if let tokenizer { scanned.pieces.append(tokenizer.ids(text).count) }
          characters.add(text)
          if Self.appendPlain(text, to: &plain) { isEmpty = false }
        }
      }
      characters.finishRow(line: row.line)
      vocabulary.add(words, label: block.labels[number])
      if isEmpty {
        signatures.append(contentsOf: repeatElement(0, count: MinHash.size))
      } else {
        let hash = plain.withUnsafeBufferPointer { ByteHash.of($0) }
        scanned.hash = hash
        // A text of signs only is like itself and no other.
        MinHash.append(words.count > 0 ? words.hashes : [hash], to: &signatures)
      }
      rows.append(scanned)
    }
  }

  /// Appends a column's text: runs of white space become one space, and none is at the ends.
  /// - Returns: whether there was anything.
  private static func appendPlain(_ text: UnsafeBufferPointer<UInt8>, to plain: inout [UInt8]) -> Bool {
    let start = plain.count
    var isAfterSpace = false
    for byte in text {
      if RowBlocks.isSpace(byte) {
        isAfterSpace = true
      } else {
        if isAfterSpace, plain.count > start { plain.append(0x20) }
        isAfterSpace = false
        plain.append(byte)
      }
    }
    let hasText = plain.count > start
    // UTF-8 has no such byte: "a b" and "c" are not "a" and "b c".
    plain.append(0xFF)
    return hasText
  }
}
