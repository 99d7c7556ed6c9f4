import Augmentation
import BackTranslation
import CIntrayPlugin
import FileKit
import IntrayCore
import PluginKit
import Synchronization
import Tables
import Tensors
import Text
import Training

@c(intray_plugin_entry)
public func pluginEntry() -> UnsafePointer<intray_plugin>? { Plugin.table(for: Augment.self) }

/// Makes a larger, cleaner file of labelled texts.
///
/// (1) Rows come out in the order of the input, each followed by its copies; all columns of the input stay.
/// (2) Memory does not grow with the number of rows.
/// (3) The same job gives the same bytes at any number of threads. An attempt that is stopped begins anew: all rows take
///     seconds.
enum Augment: PlanningRunner {
  struct Parameters: Decodable {
    var clean: [CleaningStep]
    var pos: LemmaPart
    var operations: [Augmenter.Step]
    var mode: Mode
    var reserved: [String]
    var originals: Bool
    var table: String?
    var minLengthRatio: Double
    var maxLengthRatio: Double
    var overlap: Double
    var seed: Int
  }

  enum Mode: String, Decodable {
    case paper, published
  }

  static let description = RunnerDescription(
    name: "augment", version: "0.1.0", summary: "Clean texts, and add changed copies of them.",
    data: [
      "input": .init(required: true, columns: ["text"], description: "rows to clean and to copy"),
      "translations": .init(
        required: false, columns: [], description: "back-translations of the rows, as runner backtranslate writes them"),
    ],
    parameters: [
      "type": "object",
      "additionalProperties": false,
      "required": [],
      "properties": [
        "clean": [
          "type": "array", "maxItems": 20, "default": ["whitespace"],
          "items": ["type": "string", "enum": .array(CleaningStep.allCases.map { .string($0.rawValue) })],
          "description": "What is done to every text, in this order.",
        ],
        "pos": [
          "type": "string", "enum": .array(LemmaPart.allCases.map { .string($0.rawValue) }),
          "default": "noun",
          "description": "What the step lemmatize takes words for; auto decides word by word.",
        ],
        "operations": [
          "type": "array", "maxItems": 20, "default": [],
          "items": [
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": [
              "name": [
                "type": "string", "enum": .array(Augmenter.Operation.allCases.map { .string($0.rawValue) }),
                "description":
                  "deletion, swap, insertion and synonym are those of EDA; backtranslation takes data.translations, or the table.",
              ],
              "rate": [
                "type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.1,
                "description": "The share of a text's words that change; nothing to backtranslation.",
              ],
              "copies": [
                "type": "integer", "minimum": 1, "maximum": 100, "default": 1,
                "description": "How many copies of each row.",
              ],
            ],
          ],
          "description": "What copies are made by.",
        ],
        "mode": [
          "type": "string", "enum": ["paper", "published"], "default": "paper",
          "description":
            "Synonyms of all senses of a word, as in the EDA paper, or of its first, as the recipe published it.",
        ],
        "reserved": [
          "type": "array", "maxItems": 10_000, "default": [], "items": ["type": "string"],
          "description": "Words that no operation changes.",
        ],
        "originals": [
          "type": "boolean", "default": true, "description": "Whether the cleaned rows are written, too.",
        ],
        "table": [
          "type": "string", "format": "model",
          "description": "A phrase table in the model store, to translate there and back with: see runner phrasetable.",
        ],
        "min_length_ratio": [
          "type": "number", "minimum": 0, "maximum": 1, "default": .double(Guards.defaultLengthRatio.lowerBound),
          "description": "A back-translation with less than so many times the characters is refused.",
        ],
        "max_length_ratio": [
          "type": "number", "minimum": 1, "maximum": 100, "default": .double(Guards.defaultLengthRatio.upperBound),
          "description": "A back-translation with more than so many times the characters is refused.",
        ],
        "overlap": [
          "type": "number", "minimum": 0, "maximum": 1, "default": .double(Guards.defaultOverlap),
          "description": "A back-translation that keeps a smaller share of the words is refused.",
        ],
        "seed": [
          "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991, "default": 42,
          "description": "The same seed gives the same copies of a row.",
        ],
      ],
    ])

  /// Rows that are changed at a time.
  static let rowsPerBlock = 512

  static func run(_ job: RunnerJob, host: RunnerHost) throws {
    let prepared = try AugmentPreparation(job, host, work: job.workFolder)
    let total = try count(prepared.path, host)
    let rows = try prepared.open()
    let table = try AugmentedTable(job.output("augmented.csv"), rows, prepared.parameters)
    var report = AugmentReport()
    let began = ContinuousClock.now
    while true {
      if host.shouldStop { throw StopRequested() }
      let block = try rows.next(rowsPerBlock)
      if block.isEmpty { break }
      let results = try augment(block, prepared.augmenter, prepared.pool)
      for (row, result) in zip(block, results) {
        try table.write(row, result)
        report.add(row, result)
      }
      host.progress(Double(report.rows), of: Double(total))
    }
    try table.close()
    report.rowsWritten = table.rows
    report.seconds = (ContinuousClock.now - began) / .seconds(1)
    report.editingSeconds = prepared.pool.times[.editing]?.wall ?? 0
    try report.write(job)
    host.log(.notice, report.summary)
  }

  /// Reads the file once: what is wrong with its last row is said before anything is done.
  static func count(_ path: String, _ host: RunnerHost) throws -> Int {
    let table = try TableReader(path)
    var count = 0
    while try table.next() != nil {
      count += 1
      if count % 4096 == 0, host.shouldStop { throw StopRequested() }
    }
    return count
  }

  static func augment(
    _ block: [InputRow], _ augmenter: Augmenter, _ pool: ThreadPool
  ) throws -> [Augmenter.Result] {
    let results = Mutex<[Result<Augmenter.Result, any Error>?]>(Array(repeating: nil, count: block.count))
    pool.run(.editing, chunks: block.count) { index in
      let row = block[index]
      let result = Result { try augmenter.augment(id: row.id, texts: row.texts) }
      results.withLock { $0[index] = result }
    }
    return try results.withLock { results in
      try block.indices.map { index in
        guard let result = results[index] else { throw IntrayError(.bug, "row \(index) was not edited") }
        return try result.get()
      }
    }
  }
}
