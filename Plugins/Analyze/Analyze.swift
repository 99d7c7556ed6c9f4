import CIntrayPlugin
import Foundation
import IntrayCore
import PluginKit

@c(intray_plugin_entry)
public func pluginEntry() -> UnsafePointer<intray_plugin>? { Plugin.table(for: Analyze.self) }

/// Figures about a data set before anything is trained on it.
///
/// It takes seconds, so it keeps no state: an attempt that was stopped begins anew.
enum Analyze: PlanningRunner {
  struct Parameters: Decodable {
    var model: String?
    var maxLengths: [Int]
    var nearDuplicates: Double
  }

  static let description = RunnerDescription(
    name: "analyze", version: "0.1.0", summary: "Say what is in a data set, and what is wrong with it.",
    data: [
      "train": .init(required: true, columns: ["text"], description: "the rows; labels are looked at where they are"),
      "validation": .init(required: false, columns: ["text"], description: "is held against train"),
      "test": .init(required: false, columns: ["text"], description: "is held against train"),
    ],
    parameters: [
      "type": "object",
      "additionalProperties": false,
      "required": [],
      "properties": [
        "model": [
          "type": "string", "format": "model",
          "description":
            "Count the tokens of this model: a name in the model store, or the absolute path of a folder. Without one only words are counted.",
        ],
        "max_lengths": [
          "type": "array", "items": ["type": "integer", "minimum": 3, "maximum": 100_000], "minItems": 1,
          "maxItems": 20, "default": [64, 128, 256, 300, 512],
          "description": "Say how much of the texts each of these limits would cut away.",
        ],
        "near_duplicates": [
          "type": "number", "minimum": 0.3, "maximum": 1, "default": 0.8,
          "description":
            "Texts are nearly the same from this similarity on: the share of their sets of three words that both have.",
        ],
      ],
    ])

  static func run(_ job: RunnerJob, host: RunnerHost) throws {
    let began = ContinuousClock.now
    guard let figures = try AnalyzePreparation(job).analyse(host), !host.shouldStop else { throw StopRequested() }
    let metrics = try AnalyzeResults(job: job).write(figures, seconds: (ContinuousClock.now - began) / .seconds(1))
    for advice in figures.advice where advice.kind == .warning { host.log(.warning, advice.text) }
    host.log(.notice, "analysed \(metrics.rows.values.reduce(0, +)) rows; report.html shows what is in them")
  }

  static func plan(_ job: RunnerJob, host: RunnerHost) throws -> JobPlan {
    guard let estimate = try AnalyzePreparation(job).estimate(host) else { throw StopRequested() }
    return JobPlan(
      memoryBytes: estimate.memoryParts.values.reduce(0, +), memoryParts: estimate.memoryParts,
      seconds: estimate.seconds)
  }
}
