import Foundation
import IntrayCore
import Models
import Safetensors
import Tensors
import Text
import Tokenizers

extension FuzzTarget {
  static func safetensors(_ bytes: Data, _ folder: String) throws {
    let path = "\(folder)/file.safetensors"
    try bytes.write(to: URL(fileURLWithPath: path))
    let file = try SafetensorsFile(path)
    for name in file.names {
      guard let entry = file.entry(name) else { throw Broken(promise: "each name has an entry") }
      _ = entry.bytes.reduce(0, ^)
      let count = entry.shape.reduce(1, *)
      var values = [Float](repeating: 0, count: count)
      try? values.withUnsafeMutableBufferPointer { try file.read(name, shape: entry.shape, into: $0) }
    }
  }

  private static let pool = ThreadPool(threads: 1)

  static func model(_ bytes: Data, _ folder: String) throws {
    try write(parts(bytes, atMost: 2), as: ["config.json", "model.safetensors"], to: folder)
    _ = try? SequenceClassifier.load(folder: folder, labels: ["a", "b"], precision: .fp32, pool: pool)
    _ = try SequenceClassifier.load(folder: folder, precision: .fp32, pool: pool)
  }

  static func tokenizer(_ bytes: Data, _ folder: String) throws {
    let parts = parts(bytes, atMost: 4)
    try write(parts, as: ["tokenizer.json", "tokenizer_config.json", "vocab.txt"], to: folder)
    let tokenizer = try TokenizerFolder.load(folder)
    try tokenize(parts.count > 3 ? parts[3] : Data("A text, with [SEP] words.".utf8), with: tokenizer)
  }

  private static func tokenize(_ text: Data, with tokenizer: any Tokenizer) throws {
    try text.withUnsafeBytes { bytes in
      let text = bytes.bindMemory(to: UInt8.self)
      for id in tokenizer.ids(text) {
        try check((0..<tokenizer.vocabularySize).contains(Int(id)), "an id is in the vocabulary")
      }
      let half = text.count / 2
      for length in [2, 3, 8, 512] {
        let single = tokenizer.encode(text, nil, maxLength: length)
        try check(single.ids.count <= length, "a text has no more tokens than its limit")
        guard length > 2 else { continue }
        let pair = tokenizer.encode(
          UnsafeBufferPointer(rebasing: text[..<half]), UnsafeBufferPointer(rebasing: text[half...]), maxLength: length)
        try check(pair.ids.count <= length && pair.segments.count == pair.ids.count, "a pair keeps its limit")
      }
    }
  }

  private static let vocabulary = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "the", "##e", "##s", "##a", "un", "##aff", "##able", ".",
    ",",
    "é", "e", "中", "##中", "1", "##2", "[", "]", "-",
  ]

  static func text(_ bytes: Data, _ folder: String) throws {
    let vocabulary = "\(folder)/words.txt"
    if !FileManager.default.fileExists(atPath: vocabulary) {
      try Data(Self.vocabulary.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: vocabulary))
    }
    try tokenize(bytes, with: WordPieceTokenizer(vocabulary: vocabulary))
    _ = Words.ranges(in: Array(bytes))
    let text = String(decoding: bytes, as: UTF8.self)
    let steps = CleaningStep.allCases.filter { $0 != .lemmatize }
    for step in steps { _ = try Cleaning([step]).clean(text) }
    _ = try Cleaning(steps).clean(text)
  }

  static func wordnet(_ bytes: Data, _ folder: String) throws {
    let parts = ["noun", "verb", "adj", "adv"]
    let names = parts.map { "index.\($0)" } + parts.map { "data.\($0)" } + parts.map { "\($0).exc" } + ["cntlist.rev"]
    var contents = Self.parts(bytes, atMost: names.count)
    contents += Array(repeating: Data(), count: names.count - contents.count)
    for (name, content) in zip(names, contents) { try content.write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
    let wordNet = try WordNet(folder: folder)
    for word in ["dog", "dogs", "men", "better", "a b"] {
      for part in WordNet.PartOfSpeech.allCases { _ = wordNet.lemma(of: word, as: part) }
      _ = wordNet.synonyms(of: word, senses: .all)
    }
  }
}
