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
    let configuration: Configuration? = try decode("tokenizer_config.json", in: folder)
    let whole: WholeTokenizer? = try decode("tokenizer.json", in: folder)
    let list = "\(folder)/vocab.txt"
    let hasList = try Files.status(list) != nil

    if let whole, whole.model.type ?? "WordPiece" != "WordPiece" {
      throw unsupported("a tokenizer of type \(whole.model.type ?? "")", at: "\(folder)/tokenizer.json")
    }
    guard whole != nil || hasList else {
      let others = ["vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"]
      let found = try others.filter { try Files.status("\(folder)/\($0)") != nil }
      if found.isEmpty {
        throw IntrayError(.missing, "no tokenizer: neither vocab.txt nor tokenizer.json", at: .init(folder))
      }
      let name = configuration?.tokenizerClass.map { "the tokenizer \($0)" } ?? "a tokenizer"
      throw unsupported("\(name) made of \(found.joined(separator: " and "))", at: folder)
    }

    var special = WordPieceTokenizer.SpecialTokens()
    special.unknown = configuration?.unkToken?.content ?? whole?.model.unkToken ?? special.unknown
    special.classifier = configuration?.clsToken?.content ?? special.classifier
    special.separator = configuration?.sepToken?.content ?? special.separator
    special.others = [configuration?.padToken?.content ?? "[PAD]", configuration?.maskToken?.content ?? "[MASK]"]
    var rules = TextRules()
    var added: [(token: String, id: Int)] = []
    if let whole {
      let path = "\(folder)/tokenizer.json"
      rules = try whole.rules(path: path)
      added = try whole.writtenTokens(path: path)
      special.others += added.map(\.token)
    } else if let configuration {
      rules.lowercases = configuration.doLowerCase ?? true
      rules.stripsAccents = configuration.stripAccents ?? rules.lowercases
      rules.isolatesIdeographs = configuration.tokenizeChineseChars ?? true
    }
    guard
      var vocabulary = hasList
        ? try Vocabulary(file: list) : try whole?.vocabulary(path: "\(folder)/tokenizer.json")
    else { throw IntrayError(.missing, "no vocabulary", at: .init(folder)) }
    try vocabulary.add(added, path: "\(folder)/tokenizer.json")
    return try WordPieceTokenizer(
      vocabulary, path: hasList ? list : "\(folder)/tokenizer.json", rules: rules, special: special,
      longestWord: min(whole?.model.maxInputCharsPerWord ?? 100, 10_000), recognizesSpecialTokens: true)
  }

  private static func decode<Value: Decodable>(_ name: String, in folder: String) throws -> Value? {
    let path = "\(folder)/\(name)"
    guard try Files.status(path) != nil else { return nil }
    return try JSON.decode(Value.self, from: Files.read(path, limit: 64 << 20), path: path, code: .model)
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
    var vocab: JSONVocabulary?

    enum CodingKeys: String, CodingKey {
      case type, vocab
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

  var normalizer: Part?
  var preTokenizer: Part?
  var model: Model
  var addedTokens: [AddedToken]?

  enum CodingKeys: String, CodingKey {
    case normalizer, model
    case preTokenizer = "pre_tokenizer"
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

  /// The tokens that are found in a text before it is prepared.
  func writtenTokens(path: String) throws -> [(token: String, id: Int)] {
    try (addedTokens ?? []).map { token in
      guard ![token.singleWord, token.lstrip, token.rstrip, token.normalized].contains(true) else {
        throw TokenizerFolder.unsupported("the added token '\(token.content)' with its flags", at: path)
      }
      return (token.content, token.id)
    }
  }

  func vocabulary(path: String) throws -> Vocabulary {
    guard let vocab = model.vocab else { throw IntrayError(.model, "no model.vocab", at: .init(path)) }
    var pieces = [[UInt8]](repeating: [], count: vocab.ids.count)
    for (token, id) in vocab.ids {
      guard pieces.indices.contains(id) else {
        throw IntrayError(
          .model, "the token '\(token)' has the id \(id), and there are \(pieces.count) tokens", at: .init(path))
      }
      pieces[id] = Array(token.utf8)
    }
    return try Vocabulary(pieces, path: path)
  }
}

/// `model.vocab`: a mapping for WordPiece, something else for other types.
private struct JSONVocabulary: Decodable {
  var ids: [String: Int]

  init(from decoder: any Decoder) throws {
    ids = (try? decoder.singleValueContainer().decode([String: Int].self)) ?? [:]
  }
}
