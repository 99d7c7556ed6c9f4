import Augmentation
import FileKit
import Foundation
import IntrayCore
import PluginKit

/// What was done: metrics.json for programs, report.md with samples for people.
struct AugmentReport: Encodable {
  struct Operation: Encodable {
    var copies = 0
    var edits = 0
    /// How many copies are not there, by reason; nil when all are.
    var missing: [String: Int]?
  }

  struct Sample {
    var id: String
    var before: [String]
    var after: [String]
  }

  private static let samplesPerOperation = 3

  var rows = 0
  var rowsWritten = 0
  var seconds = 0.0
  /// Of these, those in which texts were cleaned and changed: without reading and writing.
  var editingSeconds = 0.0
  private var operations: [String: Operation] = [:]
  private var samples: [String: [Sample]] = [:]

  enum CodingKeys: String, CodingKey {
    case rows, operations, seconds
    case rowsWritten = "rows_written"
    case editingSeconds = "editing_seconds"
  }

  mutating func add(_ row: InputRow, _ result: Augmenter.Result) {
    rows += 1
    for copy in result.copies {
      let name = copy.operation.rawValue
      operations[name, default: Operation()].copies += 1
      operations[name, default: Operation()].edits += copy.edits
      if samples[name, default: []].count < Self.samplesPerOperation {
        samples[name, default: []].append(Sample(id: row.id, before: result.texts, after: copy.texts))
      }
    }
    for miss in result.misses {
      let name = miss.operation.rawValue
      operations[name, default: Operation()].missing = (operations[name]?.missing ?? [:])
        .merging([miss.reason.name: 1], uniquingKeysWith: +)
    }
  }

  var summary: String {
    let copies = operations.values.reduce(0) { $0 + $1.copies }
    let missing = operations.values.reduce(0) { $0 + ($1.missing ?? [:]).values.reduce(0, +) }
    return "\(rows) rows became \(rowsWritten): \(copies) copies" + (missing > 0 ? ", \(missing) not made" : "")
  }

  func write(_ job: RunnerJob) throws {
    try Files.publish(try JSON.encode(self, pretty: true), to: job.output("metrics.json"))
    var text = "# \(job.spec.name)\n\n\(summary).\n\n"
    text += "| Operation | Copies | Edits a copy | Not made |\n|---|--:|--:|---|\n"
    for (name, operation) in operations.sorted(by: { $0.key < $1.key }) {
      let mean = operation.copies > 0 ? Double(operation.edits) / Double(operation.copies) : 0
      let missing = (operation.missing ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      text += "| \(name) | \(operation.copies) | \((mean * 10).rounded() / 10) | \(missing.joined(separator: ", ")) |\n"
    }
    for (name, samples) in samples.sorted(by: { $0.key < $1.key }) {
      text += "\n## \(name)\n"
      for sample in samples {
        text += "\n**\(Self.line(sample.id))**\n"
        for (before, after) in zip(sample.before, sample.after) {
          text += "\n> \(Self.line(before))\n>\n> → \(Self.line(after))\n"
        }
      }
    }
    try Files.publish(Data(text.utf8), to: job.output("report.md"))
  }

  /// As one line of at most 600 characters.
  private static func line(_ text: String) -> String {
    let line = String(text.map { $0.isNewline ? " " : $0 })
    return line.count <= 600 ? line : line.prefix(600) + "…"
  }
}
