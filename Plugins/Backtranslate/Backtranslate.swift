import BackTranslation
import CIntrayPlugin
import Foundation
import IntrayCore
import PluginKit
import Tables

@c(intray_plugin_entry)
public func pluginEntry() -> UnsafePointer<intray_plugin>? { Plugin.table(for: Backtranslate.self) }

/// Translates texts to another language and back with Apertium, and writes what passes the guards as a table for
/// `augment`.
///
/// (1) Rows come out in the order of the input; a row comes out when one of its texts, at least, was accepted.
/// (2) Each block of rows is kept in the work folder once it is done; the next attempt does only the missing ones.
/// (3) The result does not depend on the number of processes.
enum Backtranslate: PlanningRunner {
  struct Parameters: Decodable {
    var apertium: String
    var forward: String
    var backward: String
    var processes: Int?
    var minLengthRatio: Double
    var maxLengthRatio: Double
    var overlap: Double
    var patienceSeconds: Double
  }

  static let description = RunnerDescription(
    name: "backtranslate", version: "0.1.0",
    summary: "Translate texts to another language and back with Apertium, and write the table of what came back.",
    data: ["input": .init(required: true, columns: ["id", "text"], description: "rows to translate; ids must differ")],
    parameters: [
      "type": "object",
      "additionalProperties": false,
      "required": [],
      "properties": [
        "apertium": [
          "type": "string", "default": "apertium", "description": "The program: a name in PATH, or a path.",
        ],
        "forward": [
          "type": "string", "default": "eng-spa",
          "description": "Apertium's mode from the texts' language to another; `apertium -l` lists what is installed.",
        ],
        "backward": ["type": "string", "default": "spa-eng", "description": "The mode back."],
        "processes": [
          "type": "integer", "minimum": 1, "maximum": 64,
          "description": "Pairs of translators that work at the same time; the job's threads when nothing is said.",
        ],
        "min_length_ratio": [
          "type": "number", "minimum": 0, "maximum": 1, "default": 0.5,
          "description": "A translation with fewer characters than this share of its text's is rejected.",
        ],
        "max_length_ratio": [
          "type": "number", "minimum": 1, "maximum": 100, "default": 2,
          "description": "A translation with more characters than this multiple of its text's is rejected.",
        ],
        "overlap": [
          "type": "number", "minimum": 0, "maximum": 1, "default": 0.2,
          "description": "The least share of a text's different words that its translation must have too.",
        ],
        "patience_seconds": [
          "type": "number", "exclusiveMinimum": 0, "maximum": 86400, "default": 60,
          "description": "A translator that is silent for so long while an answer is due is started anew.",
        ],
      ],
    ])

  static func run(_ job: RunnerJob, host: RunnerHost) throws {
    let prepared = try BacktranslatePreparation(job)
    let began = ContinuousClock.now
    let blocks = BlockStore<TranslatedBlock>(job)
    let total = Double(prepared.rowCount)
    let missing = blocks.missing(in: prepared)
    var done = prepared.rowCount - missing.reduce(0) { $0 + $1.count }
    var translated = 0
    host.progress(Double(done), of: total)
    if !missing.isEmpty {
      let reader = try BlockReader(prepared, wanted: missing)
      do {
        try TranslatorPool.run(
          prepared.parameters.processes ?? job.threads,
          translator: { prepared.translator { host.log(.warning, "\($0); it is started anew") } },
          next: { try reader.next() },
          done: { (rows: BlockRows, translations: [String]) in
            try blocks.save(rows.index, TranslatedBlock(ids: rows.ids, translations: translations))
            host.checkpointSaved()
            done += rows.ids.count
            translated += translations.count
            host.progress(Double(done), of: total)
          }, shouldStop: { host.shouldStop })
      } catch is TranslationStopped {
        throw StopRequested()
      }
    }
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    let report = try BacktranslateResults(job: job, prepared: prepared).write(
      blocks, seconds: seconds, textsPerSecond: seconds > 0 ? Double(translated) / seconds : 0)
    host.progress(total, of: total)
    let reasons = report.rejected.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    host.log(
      .notice,
      "accepted \(report.accepted) of \(report.texts) texts"
        + (reasons.isEmpty ? "" : "; rejected " + reasons.joined(separator: ", ")))
  }
}
