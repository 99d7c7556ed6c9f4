import BackTranslation
import CIntrayPlugin
import FileKit
import Foundation
import IntrayCore
import PluginKit

@c(intray_plugin_entry)
public func pluginEntry() -> UnsafePointer<intray_plugin>? { Plugin.table(for: Phrasetable.self) }

/// Compiles two phrase tables, there and back, into the form that `augment` reads.
///
///     model/forward.phrases, model/backward.phrases      the tables
///     model/config.json                                  what they are; makes the folder a model of the store
///     metrics.json                                       counts
///
/// Each table is kept in the work folder once it is compiled.
enum Phrasetable: PlanningRunner {
  static let description = RunnerDescription(
    name: "phrasetable", version: "0.1.0",
    summary: "Compile two phrase tables or dictionaries, there and back, for back-translation.",
    data: [
      "forward": .init(
        required: true, columns: [],
        description: "from the texts' language to the other one: Moses phrase table, or lines of source TAB target"),
      "backward": .init(required: true, columns: [], description: "from the other language back, in either format"),
    ],
    parameters: ["type": "object", "additionalProperties": false, "required": [], "properties": [:]])

  /// What config.json says; `model_type` tells the folder from one with a neural network.
  struct Configuration: Codable {
    static let type = "phrase-table"

    var modelType: String
    var forward: PhraseTable.Summary
    var backward: PhraseTable.Summary

    enum CodingKeys: String, CodingKey {
      case forward, backward
      case modelType = "model_type"
    }
  }

  struct Metrics: Encodable {
    var forward: PhraseTable.Summary
    var backward: PhraseTable.Summary
    var seconds: Double
  }

  /// A table that an earlier attempt has compiled.
  private struct Finished: Codable {
    var summary: PhraseTable.Summary
    var sha256: String
  }

  /// A role with its file, and what its table is called.
  private struct Part {
    var role: String
    var source: String
    var name: String
    var bytes: Int
  }

  private static func parts(_ job: RunnerJob) throws -> [Part] {
    try [("forward", PivotTranslator.forwardName), ("backward", PivotTranslator.backwardName)].map { role, name in
      guard let source = job.file(role) else { throw IntrayError(.spec, "data.\(role) is missing") }
      return Part(role: role, source: source, name: name, bytes: try FileReader(source).status.size)
    }
  }

  static func run(_ job: RunnerJob, host: RunnerHost) throws {
    let began = ContinuousClock.now
    let parts = try parts(job)
    let total = Double(parts.reduce(0) { $0 + $1.bytes } + 1)
    var summaries: [PhraseTable.Summary] = []
    var before = 0
    for part in parts {
      if let summary = try finished(part, job) {
        summaries.append(summary)
      } else {
        host.progress(Double(before), of: total)
        let summary = try PhraseTable.compile(part.source, to: job.work(part.name)) { bytes in
          if host.shouldStop { throw StopRequested() }
          host.progress(Double(before + min(bytes, part.bytes)), of: total)
        }
        let note = Finished(summary: summary, sha256: try Files.sha256(job.work(part.name)))
        try Files.publish(JSON.encode(note), to: job.work("\(part.role).json"))
        host.checkpointSaved()
        host.log(
          .info,
          "\(part.role): \(summary.phrases) phrases with \(summary.translations) translations of \(summary.lines) lines"
            + (summary.tooLong > 0 ? "; \(summary.tooLong) longer ones left out" : ""))
        summaries.append(summary)
      }
      before += part.bytes
      host.progress(Double(before), of: total)
    }
    try Files.makeFolder(job.output("model"))
    for part in parts { try Files.copy(job.work(part.name), to: job.output("model/\(part.name)")) }
    let configuration = Configuration(
      modelType: Configuration.type, forward: summaries[0], backward: summaries[1])
    try Files.publish(JSON.encode(configuration, pretty: true), to: job.output("model/config.json"))
    let metrics = Metrics(
      forward: summaries[0], backward: summaries[1], seconds: (ContinuousClock.now - began) / .seconds(1))
    try Files.publish(JSON.encode(metrics, pretty: true), to: job.output("metrics.json"))
    host.progress(total, of: total)
  }

  /// What an earlier attempt has compiled, if it is still what it was.
  private static func finished(_ part: Part, _ job: RunnerJob) throws -> PhraseTable.Summary? {
    let note = job.work("\(part.role).json")
    guard try Files.status(note) != nil, try Files.status(job.work(part.name)) != nil,
      let finished = try? JSON.decode(Finished.self, from: Files.read(note), path: note),
      try Files.sha256(job.work(part.name)) == finished.sha256
    else { return nil }
    return finished.summary
  }

  /// Of one thread; measured on a table of ten million lines.
  private static let bytesPerSecond = 10e6

  /// The files are not read: what is wrong with a line shows in the run.
  static func plan(_ job: RunnerJob, host: RunnerHost) throws -> JobPlan {
    let parts = try parts(job)
    let bytes = parts.map(\.bytes)
    // Buffers of up to 128 open files, and the largest part with its order.
    let largest = bytes.max() ?? 0
    let memory = ["files": 128 << 17, "sorting": max(1 << 20, min(largest, max(32 << 20, largest / 64)))]
    return JobPlan(
      memoryBytes: memory.values.reduce(0, +), memoryParts: memory,
      seconds: max(0.01, Double(bytes.reduce(0, +)) / bytesPerSecond))
  }
}
