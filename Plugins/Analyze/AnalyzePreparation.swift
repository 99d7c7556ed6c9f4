import Analysis
import IntrayCore
import ModelStore
import PluginKit
import Tensors
import Tokenizers

/// What `run` and `plan` begin with.
struct AnalyzePreparation {
  private let parameters: Analyze.Parameters
  private let files: [String: String]
  private let columns: Columns
  private let tokenizer: (any Tokenizer)?
  private let pool: ThreadPool

  init(_ job: RunnerJob) throws {
    parameters = try job.parameters(as: Analyze.Parameters.self)
    files = DataSetAnalysis.roles.reduce(into: [:]) { files, role in files[role] = job.file(role) }
    guard files["train"] != nil else { throw IntrayError(.spec, "data.train is missing") }
    columns = job.spec.data.columns
    tokenizer = try parameters.model.map { try TokenizerFolder.load(ModelStore(job.modelsFolder).folder(of: $0)) }
    pool = ThreadPool(threads: job.threads)
  }

  /// - Returns: nil when the host asks to stop.
  func analyse(_ host: RunnerHost) throws -> AnalysisFigures? {
    try DataSetAnalysis.run(
      files: files, columns: columns,
      options: AnalysisOptions(
        maxLengths: parameters.maxLengths, nearDuplicateSimilarity: parameters.nearDuplicates),
      tokenizer: tokenizer, model: parameters.model, pool: pool,
      goesOn: { done, total in
        host.progress(done, of: total)
        return !host.shouldStop
      })
  }

  /// - Returns: nil when the host asks to stop.
  func estimate(_ host: RunnerHost) throws -> AnalysisEstimate? {
    try AnalysisEstimate(
      files: files, columns: columns, tokenizer: tokenizer, threads: pool.threads, goesOn: { !host.shouldStop })
  }
}
