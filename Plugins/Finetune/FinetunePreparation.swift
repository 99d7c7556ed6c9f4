import Foundation
import IntrayCore
import ModelStore
import Models
import PluginKit
import Tables
import Tensors
import Tokenizers
import Training

/// All that a job decides before it computes, for `run` and for `plan`: the rows as tokens, who trains on what, and the
/// model that it begins with.
struct FinetunePreparation {
  let parameters: FinetuneParameters
  let precision: Precision
  let plan: TrainingPlan
  let pool: ThreadPool
  let labels: LabelSet
  let rows: EncodedTexts
  let validation: EncodedTexts?
  let test: EncodedTexts?
  let partitions: [Partition]
  /// Tells the pretrained weights from any others.
  let modelIdentity: String
  private let modelFolder: String

  /// - Throws: `IntrayError` for all that is wrong with the files: an error in the last row must not wait for hours of
  ///   training.
  init(_ job: RunnerJob) throws {
    let parameters = try job.parameters(as: FinetuneParameters.self)
    let columns = job.spec.data.columns
    guard let trainPath = job.file("train") else { throw IntrayError(.spec, "data.train is missing") }
    let pool = ThreadPool(threads: job.threads)
    let models = ModelStore(job.modelsFolder)
    let modelFolder = try models.folder(of: parameters.model)
    let tokenizer = try TokenizerFolder.load(modelFolder)
    let configuration = try ModelConfiguration.read(folder: modelFolder)
    let maxLength = min(parameters.maxLength, configuration.maxPositions)
    precision = try configuration.precision(parameters.precision.precision)
    plan = parameters.plan(precision)

    func encoded(
      _ path: String, labels: TextColumns.LabelUse, label: (String, String, Int) throws -> Int32
    ) throws -> EncodedTexts {
      try EncodedTexts(
        reading: TextRows(path, columns: columns, labels: labels), tokenizer: tokenizer, maxLength: maxLength,
        pool: pool, label: label)
    }
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
    validation = try job.file("validation").map { try encoded($0, labels: .required, label: known.index) }
    test = try job.file("test").map { try encoded($0, labels: .optional, label: known.index) }

    let seed = UInt64(parameters.seed)
    if let folds = parameters.folds, folds > 1 {
      guard validation == nil else {
        throw IntrayError(.spec, "with.folds and data.validation exclude each other", hint: "remove one of them")
      }
      try Self.check(rows.lineage, least: folds, "split into \(folds) folds", file: trainName)
      partitions = Partition.folds(folds, labels: rows.labels, lineage: rows.lineage, seed: seed)
    } else if validation == nil, parameters.validation > 0 {
      try Self.check(rows.lineage, least: 2, "split into training and validation", file: trainName)
      partitions = [
        Partition.share(parameters.validation, labels: rows.labels, lineage: rows.lineage, seed: seed)
      ]
    } else {
      partitions = [Partition(training: Array(0..<rows.count), validation: [])]
    }
    self.parameters = parameters
    self.pool = pool
    self.labels = labels
    self.rows = rows
    self.modelFolder = modelFolder
    modelIdentity = try models.identity(of: parameters.model)
  }

  /// Copies are not validated, so there must be rows that are none.
  private static func check(_ lineage: Lineage, least: Int, _ purpose: String, file: String) throws {
    let originals = lineage.originalRows.count
    if originals >= least { return }
    let copies = lineage.count - originals
    throw IntrayError(
      .data, "\(originals) rows\(copies > 0 ? " and \(copies) copies" : "") cannot be \(purpose)", at: .init(file),
      hint: copies > 0
        ? "is data.columns.id the column of the ids that '\(Lineage.parentColumn)' names? An original has its own there"
        : nil)
  }

  /// The pretrained encoder with a new head drawn from the seed.
  func loadModel(seed: UInt64) throws -> SequenceClassifier {
    try SequenceClassifier.load(
      folder: modelFolder, head: parameters.head, labels: labels.names, dropout: parameters.dropout, seed: seed,
      precision: precision, memory: parameters.memory, pool: pool)
  }
}
