import Foundation
import IntrayCore
import TestSupport
import Testing

/// A runner with a job that it can do, for the conformance suite. A new runner adds its case to `all`.
struct RunnerCase: Sendable, CustomTestStringConvertible {
  let name: String
  /// The files of the batch by their names.
  let files: [String: String]
  let columns: Columns
  /// The parameters, all that have a default included.
  let with: [String: JSONValue]
  /// About how long the work between two checkpoints takes: a kill comes at any moment of it.
  let step: Duration
  var keepsCheckpoints = true
  /// Fills the model store.
  var addModels: @Sendable (_ store: String) throws -> Void = { _ in }

  var testDescription: String { name }

  var plugin: String { "\(Checkout.products)/lib\(name.prefix(1).uppercased())\(name.dropFirst()).so" }

  /// The files' names without their endings are their roles.
  func workbench() throws -> Workbench {
    let roles = files.keys.map { (String($0.prefix { $0 != "." }), DataFile(path: $0)) }
    let data = JobData(files: Dictionary(uniqueKeysWithValues: roles), columns: columns)
    let bench = try Workbench(plugin: plugin, spec: JobSpec(name: "test", run: name, data: data, with: with))
    for (name, text) in files { try bench.folder.write(text, to: "input/\(name)") }
    try addModels(bench.models)
    return bench
  }

  static let all = [echo, finetune, infer, augment, phrasetable, backtranslate, analyze]
  /// Those that go on where they were stopped; the others take seconds and begin anew.
  static let resuming = all.filter(\.keepsCheckpoints)

  private static let echo = RunnerCase(
    name: "echo", files: ["input.txt": "one\ntwo\n\u{1F600} three, without a newline"], columns: Columns(),
    with: ["repeat": 30, "delay_ms": 25, "fail": "none"], step: .milliseconds(25))

  private static let labels = ["red", "green", "blue"]

  private static let finetune = RunnerCase(
    name: "finetune",
    files: [
      "train.csv": TinyModel.csv(rows: 160, labels: labels), "test.csv": TinyModel.csv(rows: 20, labels: nil),
    ],
    columns: Columns(id: "id", text: ["text"], label: "label"),
    with: [
      "model": "tiny", "head": "mean", "max_length": 32, "epochs": 8, "batch_size": 8, "accumulate": 1,
      "learning_rate": 1e-3, "head_learning_rate": 1e-2, "layer_decay": 0.95, "weight_decay": 0.01, "warmup": 0.06,
      "clip": 1, "dropout": 0.1, "validation": 0.2, "seed": 42, "checkpoint_seconds": 0,
      "precision": "auto", "memory": "normal",
    ],
    step: .milliseconds(10), addModels: { try TinyModel.write(to: "\($0)/tiny") })

  private static let infer = RunnerCase(
    name: "infer", files: ["input.csv": TinyModel.csv(rows: 20_000, labels: nil)],
    columns: Columns(id: "id", text: ["text"]),
    with: ["model": "tiny", "max_length": 32, "precision": "auto", "probabilities": true], step: .milliseconds(30),
    addModels: { try TinyModel.write(to: "\($0)/tiny", labels: labels) })

  private static let augment = RunnerCase(
    name: "augment", files: ["input.csv": TinyModel.csv(rows: 20_000, labels: labels)],
    columns: Columns(id: "id", text: ["text"], label: "label"),
    with: [
      "clean": ["whitespace", "lowercase"], "pos": "noun", "mode": "paper", "reserved": ["red"], "originals": true,
      "operations": [["name": "deletion", "rate": 0.2, "copies": 2], ["name": "synonym", "rate": 0.2, "copies": 1]],
      "min_length_ratio": 0.5, "max_length_ratio": 2, "overlap": 0.2, "seed": 42,
    ],
    step: .milliseconds(100), keepsCheckpoints: false)

  private static let phrasetable = RunnerCase(
    name: "phrasetable",
    files: ["forward.txt": dictionary(lines: 120_000), "backward.txt": dictionary(lines: 60_000)], columns: Columns(),
    with: [:], step: .milliseconds(100))

  private static func dictionary(lines: Int) -> String {
    (0..<lines).map { "word \($0 % 50_000)\ttarget \($0)\n" }.joined()
  }

  /// With a program that stands in for Apertium.
  private static let backtranslate = RunnerCase(
    name: "backtranslate", files: ["input.csv": TinyModel.csv(rows: 1920, labels: nil)],
    columns: Columns(id: "id", text: ["text"]),
    with: [
      "apertium": .string(Checkout.fixture("backtranslation/apertium")), "forward": "eng-spa", "backward": "spa-eng",
      "min_length_ratio": 0.5, "max_length_ratio": 2, "overlap": 0.2, "patience_seconds": 60,
    ],
    step: .milliseconds(20))

  private static let analyze = RunnerCase(
    name: "analyze",
    files: [
      "train.csv": TinyModel.csv(rows: 100_000, labels: labels), "test.csv": TinyModel.csv(rows: 20, labels: nil),
    ],
    columns: Columns(id: "id", text: ["text"], label: "label"),
    with: ["model": "tiny", "max_lengths": [8, 16], "near_duplicates": 0.8], step: .milliseconds(30),
    keepsCheckpoints: false, addModels: { try TinyModel.write(to: "\($0)/tiny") })
}
