import Analysis
import Foundation
import IntrayCore
import TestSupport
import Tensors
import Tokenizers

/// A folder with tables, and analyses of them.
struct Bench {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Writes a table; all fields are quoted.
  @discardableResult func write(_ header: [String], _ rows: [[String]], to name: String) throws -> String {
    let lines = ([header] + rows).map { row in
      row.map { "\"\($0.replacingOccurrences(of: "\"", with: "\"\""))\"" }.joined(separator: ",")
    }
    return try folder.write(lines.joined(separator: "\n") + "\n", to: name)
  }

  /// Analyses the files by role, `train.csv` and so on.
  func analyse(
    _ files: [String: [[String]]], header: [String] = ["id", "text", "label"],
    columns: Columns = Columns(id: "id", text: ["text"], label: "label"), options: AnalysisOptions = AnalysisOptions(),
    vocabulary: [String]? = nil, threads: Int = 2
  ) throws -> AnalysisFigures {
    var paths: [String: String] = [:]
    for (role, rows) in files { paths[role] = try write(header, rows, to: "\(role).csv") }
    let pool = ThreadPool(threads: threads)
    let figures = try DataSetAnalysis.run(
      files: paths, columns: columns, options: options, tokenizer: vocabulary.map(tokenizer),
      model: vocabulary.map { _ in "tiny" }, pool: pool)
    guard let figures else { throw IntrayError(.bug, "an analysis that nobody stopped has no figures") }
    return figures
  }

  func tokenizer(_ words: [String]) throws -> any Tokenizer {
    let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words
    try folder.write(pieces.joined(separator: "\n") + "\n", to: "model/vocab.txt")
    return try TokenizerFolder.load("\(folder.path)/model")
  }

  /// Rows with texts that come in families: copies, near-copies, and others; with two labels, and words of each.
  static func rows(_ count: Int, seed: UInt64) -> [[String]] {
    var random = SeededGenerator(seed: seed)
    var texts: [[String]] = []
    return (0..<count).map { number in
      var words = (0..<Int.random(in: 4...60, using: &random)).map { _ in
        "w\(Int.random(in: 0..<400, using: &random))"
      }
      switch Int.random(in: 0..<10, using: &random) {
      case 0: if let copy = texts.randomElement(using: &random) { words = copy }
      case 1:
        if let copy = texts.randomElement(using: &random) {
          words = copy
          words[Int.random(in: words.indices, using: &random)] = "changed"
        }
      case 2 where number % 7 == 0: words = []
      default: break
      }
      if !words.isEmpty { texts.append(words) }
      return ["r\(number)", words.joined(separator: " "), number % 3 == 0 ? "red" : "blue"]
    }
  }
}
