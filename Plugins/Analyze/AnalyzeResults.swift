import Analysis
import FileKit
import Foundation
import IntrayCore
import PluginKit

/// What an analysis leaves.
///
///     analysis.json    all figures
///     report.html      the same for a person
///     metrics.json     the main ones, and the time
struct AnalyzeResults {
  struct Metrics: Encodable {
    /// By role, as all that follows with roles.
    var rows: [String: Int]
    /// Of train.
    var classes: Int?
    var majorityShare: Double?
    /// The share of rows that each max_length cuts, of train; nil without a model.
    var shareCut: [String: Double]?
    /// Rows that repeat an earlier text.
    var duplicates: [String: Int]
    var nearDuplicatePairs: [String: Int]
    /// Texts with different labels.
    var conflicts: [String: Int]
    /// Rows that are in train, or nearly.
    var leaked: [String: Int]
    var warnings: Int
    var seconds: Double
    var rowsPerSecond: Double

    init(_ figures: AnalysisFigures, seconds: Double) {
      let train = figures.files["train"]
      rows = figures.files.mapValues(\.rows)
      classes = train?.labels?.classes.count
      majorityShare = train?.labels?.majority?.share
      if let train, !train.truncation.isEmpty {
        shareCut = train.truncation.reduce(into: [:]) { $0["\($1.maxLength)"] = $1.shareCut }
      }
      duplicates = figures.files.mapValues(\.duplicates.rows)
      nearDuplicatePairs = figures.files.mapValues(\.nearDuplicates.pairs)
      conflicts = figures.files.compactMapValues { $0.conflicts?.texts }
      leaked = figures.leakage.mapValues { $0.exact + $0.near }
      warnings = figures.advice.count { $0.kind == .warning }
      self.seconds = seconds
      rowsPerSecond = seconds > 0 ? Double(rows.values.reduce(0, +)) / seconds : 0
    }

    enum CodingKeys: String, CodingKey {
      case rows, classes, duplicates, conflicts, leaked, warnings, seconds
      case majorityShare = "majority_share"
      case shareCut = "share_cut"
      case nearDuplicatePairs = "near_duplicate_pairs"
      case rowsPerSecond = "rows_per_s"
    }
  }

  let job: RunnerJob

  func write(_ figures: AnalysisFigures, seconds: Double) throws -> Metrics {
    try Files.publish(JSON.encode(figures, pretty: true), to: job.output("analysis.json"))
    let page = AnalysisPage.text(figures, title: job.spec.name)
    try Files.publish(Data(page.utf8), to: job.output("report.html"))
    let metrics = Metrics(figures, seconds: seconds)
    try Files.publish(JSON.encode(metrics, pretty: true), to: job.output("metrics.json"))
    return metrics
  }
}
