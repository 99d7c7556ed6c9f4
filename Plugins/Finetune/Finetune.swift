import CIntrayPlugin
import Foundation
import IntrayCore
import PluginKit
import Training

@c(intray_plugin_entry)
public func pluginEntry() -> UnsafePointer<intray_plugin>? { Plugin.table(for: Finetune.self) }

/// Trains a BERT classifier on labelled texts, and predicts a test file with it.
enum Finetune: PlanningRunner {
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
    let prepared = try FinetunePreparation(job)
    let parameters = prepared.parameters
    let rows = prepared.rows
    let partitions = prepared.partitions
    let validationRows = partitions[0].validation.count + (prepared.validation?.count ?? 0)
    host.log(
      .info,
      """
      \(rows.count) rows, \(prepared.labels.count) labels, \(rows.tokens / rows.count) tokens a row; \
      \(partitions.count == 1 ? "\(validationRows) rows for validation" : "\(partitions.count) folds"), \
      \(prepared.precision.rawValue) (\(prepared.precision.instructions))
      """)

    let training = try ClassifierTraining(
      plan: prepared.plan, partitions: partitions, rows: rows, labels: prepared.labels.count,
      validation: prepared.validation, test: prepared.test, base: prepared.modelIdentity, workFolder: job.workFolder,
      checkpointInterval: .milliseconds(Int64(parameters.checkpointSeconds * 1000)),
      monitor: HostMonitor(host: host, labels: prepared.labels), pool: prepared.pool, load: prepared.loadModel)
    do {
      let (result, model) = try training.run()
      try model.save(to: job.output("model"))
      try FinetuneResults(job: job, rows: rows, test: prepared.test, labels: prepared.labels)
        .write(result, pool: prepared.pool)
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
