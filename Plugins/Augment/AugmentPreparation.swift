import Augmentation
import BackTranslation
import IntrayCore
import ModelStore
import PluginKit
import Text

/// What is opened before the first row: WordNet and translation tables, where the steps need them.
struct AugmentPreparation {
  let augmenter: Augmenter

  init(_ job: RunnerJob, _ parameters: Augment.Parameters) throws {
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
      translator: operations.contains(.backtranslation) ? try Self.translator(job, parameters) : nil,
      guards: Guards(
        minLengthRatio: parameters.minLengthRatio, maxLengthRatio: parameters.maxLengthRatio,
        minOverlap: parameters.minOverlap))
  }

  private static func translator(_ job: RunnerJob, _ parameters: Augment.Parameters) throws -> any BackTranslator {
    switch (job.file("translations"), parameters.table) {
    case (let path?, nil):
      return try SentenceTable(path, columns: job.spec.data.columns.text, folder: job.workFolder)
    case (nil, let table?):
      return try PivotTranslator(folder: ModelStore(job.modelsFolder).folder(of: table))
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
