import Augmentation
import BackTranslation
import IntrayCore
import ModelStore
import PluginKit
import Tensors
import Text

/// What `run` and `plan` begin with: the input, and WordNet and translation tables, where the steps need them.
struct AugmentPreparation {
  let parameters: Augment.Parameters
  let path: String
  let augmenter: Augmenter
  let pool: ThreadPool
  private let columns: Columns

  /// - Parameter work: where the index of a table of translations goes.
  init(_ job: RunnerJob, _ host: RunnerHost, work: String) throws {
    let parameters = try job.parameters(as: Augment.Parameters.self)
    guard let path = job.file("input") else { throw IntrayError(.spec, "data.input is missing") }
    self.parameters = parameters
    self.path = path
    columns = job.spec.data.columns
    pool = ThreadPool(threads: job.threads)
    // Its columns are the first thing that may be wrong.
    _ = try AugmentedTable.columns(of: InputRows(path, columns: columns))
    let operations = Set(parameters.operations.map(\.name))
    let needsSynonyms = !operations.isDisjoint(with: [.synonym, .insertion])
    let wordNet = needsSynonyms || parameters.clean.contains(.lemmatize) ? try WordNet() : nil
    let thesaurus: any Thesaurus =
      if needsSynonyms, let wordNet {
        WordNetThesaurus(wordNet, senses: parameters.mode == .published ? .first : .all)
      } else {
        NoSynonyms()
      }
    augmenter = Augmenter(
      cleaning: try Cleaning(parameters.clean, pos: parameters.pos, wordNet: wordNet),
      eda: EasyDataAugmentation(thesaurus: thesaurus, reserved: parameters.reserved.map { $0.lowercased() }),
      steps: parameters.operations, seed: UInt64(parameters.seed),
      translators: operations.contains(.backtranslation) ? try Self.translators(job, parameters, host, work) : [],
      guards: Guards(
        lengthRatio: parameters.minLengthRatio...parameters.maxLengthRatio, overlap: parameters.overlap))
  }

  /// The input from its first row.
  func open() throws -> InputRows { try InputRows(path, columns: columns) }

  /// One for each text column.
  private static func translators(
    _ job: RunnerJob, _ parameters: Augment.Parameters, _ host: RunnerHost, _ work: String
  ) throws -> [any BackTranslator] {
    let columns = job.spec.data.columns.text
    switch (job.file("translations"), parameters.table) {
    case (let path?, nil):
      return try columns.map { column in
        try SentenceTable(
          compiling: path, in: work, column: columns.count == 1 ? SentenceTable.translationColumn : column
        ) { _ in if host.shouldStop { throw StopRequested() } }
      }
    case (nil, let table?):
      let translator = try PivotTranslator(folder: ModelStore(job.modelsFolder).folder(of: table))
      return columns.map { _ in translator }
    case (nil, nil):
      throw IntrayError(
        .spec, "operation backtranslation has nothing to translate with",
        hint: "give data.translations, as runner backtranslate writes it, or with.table, a phrase table")
    case (_?, _?):
      throw IntrayError(
        .spec, "data.translations and with.table exclude each other", hint: "remove one of them")
    }
  }

  private struct NoSynonyms: Thesaurus {
    func synonyms(of word: String) -> [String] { [] }
  }
}
