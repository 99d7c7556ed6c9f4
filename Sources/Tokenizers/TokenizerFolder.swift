import FileKit
import Foundation
import IntrayCore

/// Finds out which tokenizer a Hugging Face model folder has, and makes it.
///
///     let tokenizer = try TokenizerFolder.load("models/all-MiniLM-L6-v2")
///
/// The vocabulary comes from `vocab.txt`, or from `tokenizer.json` where that is all there is. How text is prepared comes
/// from `tokenizer.json`, or else from `tokenizer_config.json`.
public enum TokenizerFolder {
  /// The files that make a tokenizer, for those who copy one. A folder has some of them.
  public static let files = [
    "tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json", "added_tokens.json",
  ]

  /// - Throws: `IntrayError(.missing)` when there is no tokenizer in the folder, `.model` when it is broken or of a type
  ///   that is not supported.
  public static func load(_ folder: String) throws -> any Tokenizer {
    let (configurationPath, wholePath) = ("\(folder)/tokenizer_config.json", "\(folder)/tokenizer.json")
    let configuration: Configuration? = try read(configurationPath).map { try decode($0, configurationPath) }
    let wholeData = try read(wholePath)
    let whole: WholeTokenizer? = try wholeData.map { try decode($0, wholePath) }
    let list = "\(folder)/vocab.txt"
    let hasList = try Files.status(list) != nil

    if let type = whole?.model.type, type != "WordPiece" {
      throw unsupported("a tokenizer of type \(type)", at: wholePath)
    }
    var special = WordPieceTokenizer.SpecialTokens()
    special.unknown = configuration?.unkToken?.content ?? whole?.model.unkToken ?? special.unknown
    special.classifier = configuration?.clsToken?.content ?? special.classifier
    special.separator = configuration?.sepToken?.content ?? special.separator
    special.others = [configuration?.padToken?.content ?? "[PAD]", configuration?.maskToken?.content ?? "[MASK]"]
    var rules = TextRules()
    var added: [(token: String, id: Int)] = []
    if let whole {
      rules = try whole.rules(path: wholePath)
      added = try whole.writtenTokens(path: wholePath)
      special.others += added.map(\.token)
      try whole.checkTemplate(classifier: special.classifier, separator: special.separator, path: wholePath)
    } else if let configuration {
      rules.lowercases = configuration.doLowerCase ?? true
      rules.stripsAccents = configuration.stripAccents ?? rules.lowercases
      rules.isolatesIdeographs = configuration.tokenizeChineseChars ?? true
    }
    var vocabulary: Vocabulary
    if hasList {
      vocabulary = try Vocabulary(file: list)
    } else if let wholeData {
      vocabulary = try Vocabulary(wholeTokenizer: wholeData, path: wholePath)
    } else {
      throw try noVocabulary(in: folder, tokenizerClass: configuration?.tokenizerClass)
    }
    try vocabulary.add(added, path: wholePath)
    return try WordPieceTokenizer(
      vocabulary, path: hasList ? list : wholePath, rules: rules, special: special,
      longestWord: min(max(1, whole?.model.maxInputCharsPerWord ?? 100), 10_000), recognizesSpecialTokens: true)
  }

  private static func read(_ path: String) throws -> Data? {
    try Files.status(path) == nil ? nil : Files.read(path)
  }

  private static func decode<Value: Decodable>(_ data: Data, _ path: String) throws -> Value {
    try JSON.decode(Value.self, from: data, path: path, code: .model)
  }

  /// The folder may have a tokenizer of another type.
  private static func noVocabulary(in folder: String, tokenizerClass: String?) throws -> IntrayError {
    let others = ["vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"]
    let found = try others.filter { try Files.status("\(folder)/\($0)") != nil }
    guard !found.isEmpty else {
      return IntrayError(.missing, "no tokenizer: neither vocab.txt nor tokenizer.json", at: .init(folder))
    }
    let name = tokenizerClass.map { "the tokenizer \($0)" } ?? "a tokenizer"
    return unsupported("\(name) made of \(found.joined(separator: " and "))", at: folder)
  }

  fileprivate static func unsupported(_ what: String, at path: String) -> IntrayError {
    IntrayError(
      .model, "\(what) is not supported yet", at: .init(path), hint: "supported: WordPiece, as BERT models have it")
  }
}

/// What matters of `tokenizer_config.json`.
private struct Configuration: Decodable {
  var tokenizerClass: String?
  var doLowerCase: Bool?
  var stripAccents: Bool?
  var tokenizeChineseChars: Bool?
  var unkToken: TokenName?
  var clsToken: TokenName?
  var sepToken: TokenName?
  var padToken: TokenName?
  var maskToken: TokenName?

  enum CodingKeys: String, CodingKey {
    case tokenizerClass = "tokenizer_class"
    case doLowerCase = "do_lower_case"
    case stripAccents = "strip_accents"
    case tokenizeChineseChars = "tokenize_chinese_chars"
    case unkToken = "unk_token"
    case clsToken = "cls_token"
    case sepToken = "sep_token"
    case padToken = "pad_token"
    case maskToken = "mask_token"
  }
}

/// A token's text, written alone or with its flags.
private struct TokenName: Decodable {
  var content: String

  enum CodingKeys: CodingKey { case content }

  init(from decoder: any Decoder) throws {
    if let text = try? decoder.singleValueContainer().decode(String.self) {
      content = text
    } else {
      content = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .content)
    }
  }
}

/// What matters of `tokenizer.json`.
private struct WholeTokenizer: Decodable {
  struct Part: Decodable {
    var type: String
    // BertNormalizer
    var cleanText: Bool?
    var handleChineseChars: Bool?
    var stripAccents: Bool?
    var lowercase: Bool?

    enum CodingKeys: String, CodingKey {
      case type, lowercase
      case cleanText = "clean_text"
      case handleChineseChars = "handle_chinese_chars"
      case stripAccents = "strip_accents"
    }
  }

  struct Model: Decodable {
    var type: String?
    var unkToken: String?
    var continuingSubwordPrefix: String?
    var maxInputCharsPerWord: Int?

    enum CodingKeys: String, CodingKey {
      case type
      case unkToken = "unk_token"
      case continuingSubwordPrefix = "continuing_subword_prefix"
      case maxInputCharsPerWord = "max_input_chars_per_word"
    }
  }

  struct AddedToken: Decodable {
    var id: Int
    var content: String
    var singleWord: Bool?
    var lstrip: Bool?
    var rstrip: Bool?
    var normalized: Bool?

    enum CodingKeys: String, CodingKey {
      case id, content, lstrip, rstrip, normalized
      case singleWord = "single_word"
    }
  }

  /// Where the special tokens go.
  struct PostProcessor: Decodable {
    struct Slot: Decodable {
      var id: String
      var typeID: Int

      enum CodingKeys: String, CodingKey {
        case id
        case typeID = "type_id"
      }
    }

    var type: String
    /// Each element is a mapping with one key, `SpecialToken` or `Sequence`.
    var pair: [[String: Slot]]?
  }

  var normalizer: Part?
  var preTokenizer: Part?
  var postProcessor: PostProcessor?
  var model: Model
  var addedTokens: [AddedToken]?

  enum CodingKeys: String, CodingKey {
    case normalizer, model
    case preTokenizer = "pre_tokenizer"
    case postProcessor = "post_processor"
    case addedTokens = "added_tokens"
  }

  func rules(path: String) throws -> TextRules {
    guard let normalizer, normalizer.type == "BertNormalizer" else {
      throw TokenizerFolder.unsupported("the normalizer \(normalizer?.type ?? "none")", at: path)
    }
    guard let preTokenizer, preTokenizer.type == "BertPreTokenizer" else {
      throw TokenizerFolder.unsupported("the pre-tokenizer \(preTokenizer?.type ?? "none")", at: path)
    }
    guard model.continuingSubwordPrefix ?? "##" == "##" else {
      throw TokenizerFolder.unsupported("the prefix '\(model.continuingSubwordPrefix ?? "")' of pieces", at: path)
    }
    let lowercases = normalizer.lowercase ?? true
    return TextRules(
      cleansText: normalizer.cleanText ?? true, isolatesIdeographs: normalizer.handleChineseChars ?? true,
      stripsAccents: normalizer.stripAccents ?? lowercases, lowercases: lowercases)
  }

  func checkTemplate(classifier: String, separator: String, path: String) throws {
    guard let postProcessor else { return }
    let slots = (postProcessor.pair ?? []).flatMap(\.values)
    let isBERTs =
      slots.map(\.id) == [classifier, "A", separator, "B", separator] && slots.map(\.typeID) == [0, 0, 0, 1, 1]
    guard postProcessor.type == "BertProcessing" || isBERTs else {
      throw TokenizerFolder.unsupported("the post-processor \(postProcessor.type) with its template", at: path)
    }
  }

  /// The tokens that are found in a text before it is prepared.
  func writtenTokens(path: String) throws -> [(token: String, id: Int)] {
    try (addedTokens ?? []).map { token in
      guard ![token.singleWord, token.lstrip, token.rstrip, token.normalized].contains(true) else {
        throw TokenizerFolder.unsupported("the added token '\(token.content)' with its flags", at: path)
      }
      return (token.content, token.id)
    }
  }
}

extension Vocabulary {
  /// Reads `model.vocab` of `tokenizer.json`, a mapping from pieces to ids.
  init(wholeTokenizer data: Data, path: String) throws {
    var vocab: [(piece: String, id: Int)] = []
    try data.withUnsafeBytes { bytes in
      var scanner = JSONScanner(bytes, path: path, code: .model)
      try scanner.object { scanner, name in
        guard name == "model" else { return try scanner.skip() }
        try scanner.object { scanner, name in
          guard name == "vocab" else { return try scanner.skip() }
          try scanner.object { scanner, piece in vocab.append((piece, try scanner.integer())) }
        }
      }
    }
    var pieces = [[UInt8]](repeating: [], count: vocab.count)
    for (piece, id) in vocab {
      guard pieces.indices.contains(id) else {
        throw IntrayError(
          .model, "the token '\(piece)' has the id \(id), and there are \(pieces.count) tokens", at: .init(path))
      }
      pieces[id] = Array(piece.utf8)
    }
    try self.init(pieces, path: path)
  }
}
