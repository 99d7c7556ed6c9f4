import BackTranslation
import FileKit
import Foundation
import IntrayCore
import PluginKit
import Tables

/// Puts the blocks together.
///
///     translations.csv     id, translation; with several text columns id and their names, where a text that was not
///                          accepted stands as it was
///     report.json, .md     acceptance by reason, ten samples
///     metrics.json         counts and speed
struct BacktranslateResults {
  struct Sample: Encodable {
    var id: String
    var column: String
    var text: String
    var translation: String
    /// nil where it was accepted.
    var rejected: String?
  }

  struct Report: Encodable {
    var forward: String
    var backward: String
    var rows: Int
    /// Rows that are left out because a text of theirs is empty.
    var blankRows: Int
    var texts: Int
    var accepted: Int
    var acceptance: Double
    var rejected: [String: Int]
    /// Rows of translations.csv.
    var rowsWritten: Int
    var minLengthRatio: Double
    var maxLengthRatio: Double
    var overlap: Double
    /// Of the accepted translations: characters to those of their text, and the share of its words they have.
    var meanLengthRatio: Double
    var meanOverlap: Double
    var samples: [Sample]

    enum CodingKeys: String, CodingKey {
      case forward, backward, rows, texts, accepted, acceptance, rejected, overlap, samples
      case blankRows = "blank_rows"
      case rowsWritten = "rows_written"
      case minLengthRatio = "min_length_ratio"
      case maxLengthRatio = "max_length_ratio"
      case meanLengthRatio = "mean_length_ratio"
      case meanOverlap = "mean_overlap"
    }
  }

  struct Metrics: Encodable {
    var rows: Int
    var texts: Int
    var accepted: Int
    var acceptance: Double
    var rejected: [String: Int]
    var rowsWritten: Int
    var seconds: Double
    var textsPerSecond: Double

    enum CodingKeys: String, CodingKey {
      case rows, texts, accepted, acceptance, rejected, seconds
      case rowsWritten = "rows_written"
      case textsPerSecond = "texts_per_s"
    }
  }

  private static let samplesOfEachKind = 5

  let job: RunnerJob
  let prepared: BacktranslatePreparation

  func write(_ blocks: BlockStore<TranslatedBlock>, seconds: Double, textsPerSecond: Double) throws -> Report {
    let columns = prepared.textColumns
    let names = columns.count == 1 ? [SentenceTable.translationColumn] : columns
    let table = try TableWriter(job.output("translations.csv"), header: [SentenceTable.Key.id.rawValue] + names)
    var acceptance = Acceptance(prepared.guards)
    var accepted = Samples(limit: 2 * Self.samplesOfEachKind)
    var rejected = Samples(limit: 2 * Self.samplesOfEachKind)
    var (blank, ratios, overlaps) = (0, 0.0, 0.0)
    let rows = try prepared.open()
    for index in 0..<(prepared.rowCount + TranslatedBlock.rows - 1) / TranslatedBlock.rows {
      let block = try blocks.read(index)
      var translations = block.translations[...]
      for id in block.ids {
        guard let row = try rows.next(), row.id == id else { throw damaged(index) }
        if row.isBlank {
          blank += 1
          continue
        }
        var cells: [String] = []
        var hasAny = false
        for (column, text) in zip(columns, row.texts) {
          guard let translation = translations.popFirst() else { throw damaged(index) }
          let reason = acceptance.judge(translation, of: text)
          let sample = Sample(
            id: id, column: column, text: text, translation: translation, rejected: reason?.rawValue)
          if reason == nil {
            hasAny = true
            ratios += Guards.lengthRatio(translation, text)
            overlaps += Guards.overlap(translation, text)
            accepted.offer(sample)
          } else {
            rejected.offer(sample)
          }
          cells.append(reason == nil ? translation : text)
        }
        if hasAny { try table.write([id] + cells) }
      }
      guard translations.isEmpty else { throw damaged(index) }
    }
    try table.close()
    let count = Double(max(1, acceptance.accepted))
    let report = Report(
      forward: prepared.parameters.forward, backward: prepared.parameters.backward, rows: prepared.rowCount,
      blankRows: blank, texts: acceptance.judged, accepted: acceptance.accepted,
      acceptance: Double(acceptance.accepted) / Double(max(1, acceptance.judged)),
      rejected: Dictionary(uniqueKeysWithValues: acceptance.rejected.map { ($0.key.rawValue, $0.value) }),
      rowsWritten: table.rows, minLengthRatio: prepared.guards.lengthRatio.lowerBound,
      maxLengthRatio: prepared.guards.lengthRatio.upperBound, overlap: prepared.guards.overlap,
      meanLengthRatio: ratios / count, meanOverlap: overlaps / count,
      samples: Samples.mixed(accepted, rejected, each: Self.samplesOfEachKind))
    try Files.publish(JSON.encode(report, pretty: true), to: job.output("report.json"))
    try Files.publish(Data(markdown(report).utf8), to: job.output("report.md"))
    let metrics = Metrics(
      rows: report.rows, texts: report.texts, accepted: report.accepted, acceptance: report.acceptance,
      rejected: report.rejected, rowsWritten: report.rowsWritten, seconds: seconds, textsPerSecond: textsPerSecond)
    try Files.publish(JSON.encode(metrics, pretty: true), to: job.output("metrics.json"))
    return report
  }

  private func damaged(_ block: Int) -> IntrayError {
    IntrayError(
      .data, "block \(block) of the work folder does not belong to this input", hint: "run the job with force: true")
  }

  private func markdown(_ report: Report) -> String {
    func percent(_ share: Double) -> String { String(format: "%.1f%%", share * 100) }
    var text = """
      # Back-translation with \(report.forward) and \(report.backward)

      \(report.accepted) of \(report.texts) texts were accepted (\(percent(report.acceptance))); \(report.rowsWritten) of \
      \(report.rows) rows are in translations.csv.

      | Outcome | Texts |
      |---|---|
      | accepted | \(report.accepted) |

      """
    for (reason, count) in report.rejected.sorted(by: { $0.key < $1.key }) { text += "| \(reason) | \(count) |\n" }
    text += """

      Guards: length ratio \(report.minLengthRatio) to \(report.maxLengthRatio), overlap at least \(report.overlap). \
      The accepted translations have \(String(format: "%.2f", report.meanLengthRatio)) of their texts' length and \
      \(percent(report.meanOverlap)) of their words.

      """
    if report.blankRows > 0 { text += "\nRows left out because a text is empty: \(report.blankRows).\n" }
    for sample in report.samples {
      text += """

        ## \(line(sample.id)), \(line(sample.column)): \(sample.rejected ?? "accepted")

        > \(line(sample.text))

        > \(line(sample.translation))

        """
    }
    return text
  }

  /// On one line, and not taken for Markdown.
  private func line(_ text: String) -> String {
    var result = ""
    for word in text.split(whereSeparator: \.isWhitespace) {
      if !result.isEmpty { result += " " }
      for character in word {
        if "\\`*_{}[]<>#|".contains(character) { result += "\\" }
        result.append(character)
      }
    }
    return result
  }
}

/// Some of many, the same whatever their order: those whose ids have the smallest hashes.
private struct Samples {
  typealias Sample = BacktranslateResults.Sample

  let limit: Int
  private var kept: [(rank: UInt64, sample: Sample)] = []

  init(limit: Int) { self.limit = limit }

  mutating func offer(_ sample: Sample) {
    // FNV-1a, with the finaliser of MurmurHash3: ids that count upwards must not lead to the first rows.
    var rank: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in "\(sample.id)\n\(sample.column)".utf8 { rank = (rank ^ UInt64(byte)) &* 0x100_0000_01b3 }
    rank = (rank ^ (rank >> 33)) &* 0xff51_afd7_ed55_8ccd
    rank ^= rank >> 33
    if kept.count == limit, let last = kept.last, rank >= last.rank { return }
    let place = kept.firstIndex { $0.rank > rank } ?? kept.count
    kept.insert((rank, sample), at: place)
    if kept.count > limit { kept.removeLast() }
  }

  /// So many of each kind, and more of one where the other has fewer.
  static func mixed(_ one: Samples, _ other: Samples, each: Int) -> [Sample] {
    let rest = (max(0, each - one.kept.count), max(0, each - other.kept.count))
    return (one.kept.prefix(each + rest.1) + other.kept.prefix(each + rest.0)).map(\.sample)
  }
}
