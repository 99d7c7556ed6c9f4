import CIntrayPlugin
import FileKit
import Foundation
import IntrayCore
import ModelStore
import Models
import PluginKit
import Tables
import Tensors
import Tokenizers
import Training

@c(intray_plugin_entry)
public func pluginEntry() -> UnsafePointer<intray_plugin>? { Plugin.table(for: Finetune.self) }

/// Trains a BERT classifier on labelled texts, and predicts a test file with it.
enum Finetune: Runner {
  static let description = RunnerDescription(
    name: "finetune", version: "0.1.0",
    summary: "Fine-tune a BERT encoder to classify texts, with a validation share or k folds; the best epoch is kept.",
    data: [
      "train": .init(required: true, columns: ["text", "label"], description: "labelled rows to train on"),
      "validation": .init(
        required: false, columns: ["text", "label"],
        description: "labelled rows to choose the best epoch by, instead of a share of train"),
      "test": .init(required: false, columns: ["text"], description: "rows to predict; scored where they have labels"),
    ],
    parameters: parameterSchema)

  static func run(_ job: RunnerJob, host: RunnerHost) throws {
    let parameters = try job.parameters(as: FinetuneParameters.self)
    let columns = job.spec.data.columns
    guard let trainPath = job.file("train") else { throw IntrayError(.spec, "data.train is missing") }
    let pool = ThreadPool(threads: job.threads)
    let models = ModelStore(job.modelsFolder)
    let modelFolder = try models.folder(of: parameters.model)
    let tokenizer = try TokenizerFolder.load(modelFolder)
    let seed = UInt64(parameters.seed)
    let configuration = try ModelConfiguration.read(folder: modelFolder)
    let maxLength = min(parameters.maxLength, configuration.maxPositions)
    let precision = try configuration.precision(parameters.precision.precision)

    // All files are read to their end first: an error in the last row must not wait for hours of training.
    var labels = LabelSet()
    let rows = try encoded(trainPath, labels: .required) { try labels.enter($0, file: $1, line: $2) }
    let trainName = (trainPath as NSString).lastPathComponent
    guard rows.count >= 2, labels.count >= 2 else {
      throw IntrayError(
        .data,
        rows.count < 2
          ? "\(rows.count == 0 ? "no rows" : "one row") to train on"
          : "all \(rows.count) rows have the label '\(labels.names[0])'; a classifier needs at least two labels",
        at: .init(trainName), hint: "is data.columns.label (now '\(columns.label ?? "")') the right column?")
    }
    let known = labels
    let validation = try job.file("validation").map { try encoded($0, labels: .required, label: known.index) }
    let test = try job.file("test").map { try encoded($0, labels: .optional, label: known.index) }

    func encoded(
      _ path: String, labels: TextRows.LabelUse, label: (String, String, Int) throws -> Int32
    ) throws -> EncodedTexts {
      try EncodedTexts(
        reading: TextRows(path, columns: columns, labels: labels), tokenizer: tokenizer, maxLength: maxLength,
        pool: pool,
        label: label)
    }

    let partitions: [Partition]
    if let folds = parameters.folds, folds > 1 {
      guard validation == nil else {
        throw IntrayError(.spec, "with.folds and data.validation exclude each other", hint: "remove one of them")
      }
      guard rows.count >= folds else {
        throw IntrayError(.data, "\(rows.count) rows cannot be split into \(folds) folds", at: .init(trainName))
      }
      partitions = Partition.folds(folds, labels: rows.labels, seed: seed)
    } else if validation == nil, parameters.validation > 0 {
      partitions = [Partition.share(parameters.validation, labels: rows.labels, seed: seed)]
    } else {
      partitions = [Partition(training: Array(0..<rows.count), validation: [])]
    }
    host.log(
      .info,
      """
      \(rows.count) rows, \(labels.count) labels, \(rows.tokens / rows.count) tokens a row; \
      \(partitions.count == 1 ? "\(partitions[0].validation.count + (validation?.count ?? 0)) rows for validation" : "\(partitions.count) folds"), \
      \(precision.rawValue) (\(precision.instructions))
      """)

    let training = try ClassifierTraining(
      plan: parameters.plan(precision), partitions: partitions, rows: rows, labels: labels.count, validation: validation,
      test: test,
      base: models.identity(of: parameters.model), workFolder: job.workFolder,
      checkpointInterval: .milliseconds(Int64(parameters.checkpointSeconds * 1000)),
      monitor: HostMonitor(host: host, labels: labels), pool: pool
    ) { seed in
      try SequenceClassifier.load(
        folder: modelFolder, head: parameters.head, labels: known.names, dropout: parameters.dropout, seed: seed,
        precision: precision, memory: parameters.memory, pool: pool)
    }
    do {
      let (result, model) = try training.run()
      try model.save(to: job.output("model"))
      try FinetuneResults(job: job, rows: rows, test: test, labels: labels).write(result)
      host.log(
        .notice,
        result.validation.map {
          "validation accuracy \(percent($0.accuracy)) on \($0.rows) rows; best epoch \(result.bestEpoch)"
            + (partitions.count > 1 ? " of fold \(result.bestFold)" : "")
        } ?? "trained \(parameters.epochs) epochs without validation")
    } catch is TrainingStopped {
      throw StopRequested()
    }
  }
}

func percent(_ share: Double) -> String { String(format: "%.2f%%", share * 100) }
