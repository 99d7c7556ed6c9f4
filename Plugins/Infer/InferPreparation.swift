import IntrayCore
import ModelStore
import Models
import PluginKit
import Tensors
import Tokenizers
import Training

/// What `run` and `plan` begin with: the model, and how rows become tokens.
struct InferPreparation {
  let parameters: Infer.Parameters
  let pool: ThreadPool
  let model: SequenceClassifier
  let modelIdentity: String
  let labels: LabelSet
  private let path: String
  private let columns: Columns
  private let tokenizer: any Tokenizer
  private let maxLength: Int

  init(_ job: RunnerJob) throws {
    parameters = try job.parameters(as: Infer.Parameters.self)
    guard let path = job.file("input") else { throw IntrayError(.spec, "data.input is missing") }
    self.path = path
    columns = job.spec.data.columns
    pool = ThreadPool(threads: job.threads)
    let models = ModelStore(job.modelsFolder)
    let modelFolder = try models.folder(of: parameters.model)
    tokenizer = try TokenizerFolder.load(modelFolder)
    model = try SequenceClassifier.load(
      folder: modelFolder, precision: parameters.precision.precision, pool: pool)
    modelIdentity = try models.identity(of: parameters.model)
    labels = LabelSet(model.labels)
    maxLength = min(parameters.maxLength, model.configuration.maxPositions)
  }

  /// The input from its first row.
  func open() throws -> TextRows { try TextRows(path, columns: columns, labels: .optional) }

  /// The next rows as tokens; none at the end of the file.
  func encode(_ rows: TextRows, limit: Int) throws -> EncodedTexts {
    try EncodedTexts(
      reading: rows, limit: limit, tokenizer: tokenizer, maxLength: maxLength, pool: pool, label: labels.index)
  }
}
