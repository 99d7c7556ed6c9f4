import FileKit
import IntrayCore
import Tensors
import Tokenizers

public struct AnalysisOptions: Sendable {
  /// How many examples are listed of what was found.
  public static let listed = 20
  /// How many rows are shown of texts that are the same.
  public static let rowsOfGroup = 5

  public var maxLengths: [Int]
  /// The least Jaccard similarity of near-duplicates, in 0.3...1.
  public var nearDuplicateSimilarity: Double

  public init(maxLengths: [Int] = [64, 128, 256, 300, 512], nearDuplicateSimilarity: Double = 0.8) {
    self.maxLengths = maxLengths
    self.nearDuplicateSimilarity = nearDuplicateSimilarity
  }
}

/// Figures about the files of a data set.
///
/// (1) Each file is read once, and no text is kept: some 400 bytes a row stay, and the vocabulary, which is bounded.
/// (2) The same files give the same figures on any number of threads.
///
/// ```swift
/// let figures = try DataSetAnalysis.run(
///   files: ["train": "train.csv", "test": "test.csv"], columns: columns, pool: pool)
/// ```
public enum DataSetAnalysis {
  /// The files' roles in the order in which they are read.
  public static let roles = ["train", "validation", "test"]

  /// - Parameters:
  ///   - files: paths by role; without `train` there is nothing to compare the others with.
  ///   - columns: a label column that is named must be in `train`; the other files may lack it.
  ///   - tokenizer: counts pieces; without one only words are counted.
  ///   - model: the tokenizer's name, for the report.
  ///   - goesOn: called now and then with the work that is done and all of it, in bytes; false ends it.
  /// - Returns: nil where `goesOn` said so.
  /// - Throws: `IntrayError(.data)` with the line for anything that is wrong with a table.
  public static func run(
    files: [String: String], columns: Columns, options: AnalysisOptions = AnalysisOptions(),
    tokenizer: (any Tokenizer)? = nil, model: String? = nil, pool: ThreadPool,
    goesOn: (_ done: Double, _ total: Double) -> Bool = { _, _ in true }
  ) throws -> AnalysisFigures? {
    let paths = roles.compactMap { role in files[role].map { (role: role, path: $0) } }
    let sizes = try paths.map { try Files.status($0.path)?.size ?? 0 }
    let bytes = Double(max(sizes.reduce(0, +), 1))
    // Comparing takes about a tenth of the time.
    let total = bytes * 1.1
    var labels = LabelNames()
    var texts = DistinctTexts()
    var scans: [(role: String, scan: FileScan)] = []
    var before = 0.0
    for ((role, path), size) in zip(paths, sizes) {
      let scan = try FileScan(
        path, columns: columns, needsLabels: role == "train", tokenizer: tokenizer, pool: pool, labels: &labels,
        texts: &texts,
        goesOn: { goesOn(before + Double(min($0, size)), total) })
      guard let scan else { return nil }
      scans.append((role, scan))
      before += Double(size)
    }
    let similar = NearDuplicates(
      signatures: texts.signatures, threshold: options.nearDuplicateSimilarity, pool: pool,
      goesOn: { goesOn(bytes + (total - bytes) * min($0, 0.99), total) })
    guard let similar else { return nil }

    let comparison = Comparison(similar, texts: texts, labels: labels)
    var figures = AnalysisFigures(
      files: [:], leakage: [:], advice: [], nearDuplicateSimilarity: options.nearDuplicateSimilarity, model: model)
    let train = scans.first { $0.role == "train" }?.scan
    let trainPlaces = train.map { comparison.places(of: $0) }
    for (role, scan) in scans {
      let isTrain = role == "train"
      let places = comparison.places(of: scan)
      figures.files[role] = FileFigures(
        scan, places, comparison, train: isTrain ? nil : train, maxLengths: options.maxLengths)
      if !isTrain, let train, let trainPlaces {
        figures.leakage[role] = comparison.leakage(of: scan, places, from: train, trainPlaces)
      }
    }
    figures.advice = Advisor.advice(on: figures)
    _ = goesOn(total, total)
    return figures
  }
}
