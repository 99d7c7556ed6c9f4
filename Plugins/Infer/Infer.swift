import CIntrayPlugin
import Foundation
import IntrayCore
import PluginKit
import Tensors
import Training

@c(intray_plugin_entry)
public func pluginEntry() -> UnsafePointer<intray_plugin>? { Plugin.table(for: Infer.self) }

/// Labels texts with a trained model.
///
/// (1) Rows come out in the order of the input, one for each.
/// (2) Memory does not grow with the number of rows.
/// (3) Each block of rows is kept in the work folder once it is done; the next attempt begins with the first missing one.
/// (4) All rows are labelled by the same model, also when it is published anew between two attempts.
enum Infer: PlanningRunner {
  struct Parameters: Decodable {
    var model: String
    var maxLength: Int
    var probabilities: Bool
    var precision: PrecisionChoice
  }

  static let description = RunnerDescription(
    name: "infer", version: "0.1.0", summary: "Label texts with a trained model.",
    data: [
      "input": .init(required: true, columns: ["text"], description: "rows to label; scored where they have labels")
    ],
    parameters: [
      "type": "object",
      "additionalProperties": false,
      "required": ["model"],
      "properties": [
        "model": [
          "type": "string", "format": "model",
          "description": "The trained model: a name in the model store, or the absolute path of a folder.",
        ],
        "max_length": [
          "type": "integer", "minimum": 3, "maximum": 100_000, "default": 256,
          "description":
            "Tokens per row, special tokens included; longer texts are cut, the longer one of a pair first.",
        ],
        "precision": [
          "type": "string", "enum": ["auto", "fp32", "bf16", "int8"], "default": "auto",
          "description":
            "What is multiplied: auto takes bf16 on CPUs with AVX512-BF16, and fp32 elsewhere; int8 is faster still on CPUs with AVX512-VNNI, and a little less exact.",
        ],
        "probabilities": [
          "type": "boolean", "default": false,
          "description":
            "Also write the probability of every label: columns in predictions.csv, and probabilities.npy.",
        ],
      ],
    ])

  static func run(_ job: RunnerJob, host: RunnerHost) throws {
    let prepared = try InferPreparation(job)
    let labels = prepared.labels
    // The first pass finds what is wrong with the file before any computing, and counts the rows.
    let total = try countRows(prepared)
    let blocks = BlockStore<LabelledBlock>(job)
    if try blocks.start(job, model: prepared.modelIdentity) {
      host.log(.notice, "the model has changed since the last attempt: all rows are labelled anew")
    }
    let began = ContinuousClock.now
    let rows = try prepared.open()
    var done = 0
    var block = 0
    var labelled = (rows: 0, tokens: 0)
    while done < total {
      let count = min(LabelledBlock.rows, total - done)
      if try blocks.has(block) {
        for _ in 0..<count { _ = try rows.next() }
      } else {
        let texts = try prepared.encode(rows, limit: count)
        let logits = try Prediction.logits(of: texts.encodings, model: prepared.model) { rowsDone in
          host.progress(Double(done + rowsDone), of: Double(total))
          return !host.shouldStop
        }
        guard let logits else { throw StopRequested() }
        try blocks.save(block, LabelledBlock(ids: texts.ids, labels: texts.labels, logits: logits))
        host.checkpointSaved()
        labelled.rows += count
        labelled.tokens += texts.tokens
      }
      done += count
      block += 1
    }
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    host.progress(Double(total), of: Double(total))
    let metrics = try InferResults(job: job, labels: labels, withProbabilities: prepared.parameters.probabilities)
      .write(
        blocks: blocks, count: block, rows: total, rowsPerSecond: seconds > 0 ? Double(labelled.rows) / seconds : 0,
        tokensPerSecond: seconds > 0 ? Double(labelled.tokens) / seconds : 0)
    host.log(
      .notice, "labelled \(total) rows" + (metrics.accuracy.map { String(format: ", accuracy %.2f%%", $0 * 100) } ?? "")
    )
  }

  private static func countRows(_ prepared: InferPreparation) throws -> Int {
    let rows = try prepared.open()
    var count = 0
    while let row = try rows.next() {
      if let label = row.label { _ = try prepared.labels.index(of: label, file: rows.name, line: row.line) }
      count += 1
    }
    return count
  }
}
