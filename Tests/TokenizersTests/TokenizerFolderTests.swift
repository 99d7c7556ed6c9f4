import Foundation
import IntrayCore
import TestSupport
import Testing
import Tokenizers

@Suite struct TokenizerFolderTests {
  static let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "Hello", "é", "e", "##y"]
  static var list: String { pieces.map { $0 + "\n" }.joined() }

  static func whole(_ changes: [String: JSONValue] = [:], model: [String: JSONValue] = [:]) throws -> Data {
    let vocab = Dictionary(uniqueKeysWithValues: pieces.enumerated().map { ($1, JSONValue.int($0)) })
    let usual: [String: JSONValue] = [
      "version": "1.0", "truncation": .null, "padding": .null,
      "added_tokens": [.object(added("[SEP]", 3))],
      "normalizer": [
        "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": .null,
        "lowercase": true,
      ],
      "pre_tokenizer": ["type": "BertPreTokenizer"],
      "model": .object(
        ["type": "WordPiece", "unk_token": "[UNK]", "vocab": .object(vocab)].merging(model) { $1 }),
    ]
    return try JSON.encode(usual.merging(changes) { $1 })
  }

  static func added(_ token: String, _ id: Int, lstrip: Bool = false) -> [String: JSONValue] {
    ["id": .int(id), "content": .string(token), "special": true, "normalized": false, "lstrip": .bool(lstrip)]
  }

  @Test func aVocabularyAloneIsUncased() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.list, to: "vocab.txt")
    let tokenizer = try TokenizerFolder.load(folder.path)
    #expect(tokenizer.vocabularySize == 10)
    #expect(tokenizer.pieces("Hello É ey").map(\.id) == [5, 8, 8, 9])
  }

  @Test(arguments: [
    (#"{"do_lower_case": true}"#, [5, 5, 8]), (#"{"do_lower_case": false}"#, [5, 6, 1]),
    (#"{"do_lower_case": true, "strip_accents": false}"#, [5, 5, 7]), (#"{}"#, [5, 5, 8]),
    (#"{"cls_token": {"content": "[CLS]", "lstrip": false}, "strip_accents": null}"#, [5, 5, 8]),
  ])
  func theConfigurationDecidesOnCaseAndAccents(_ configuration: String, _ ids: [Int32]) throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.list, to: "vocab.txt")
    try folder.write(configuration, to: "tokenizer_config.json")
    #expect(try TokenizerFolder.load(folder.path).pieces("hello Hello É").map(\.id) == ids)
  }

  @Test func theWholeTokenizerComesBeforeTheConfigurationAndNeedsNoList() throws {
    let folder = try TemporaryFolder()
    let cased: JSONValue = ["type": "BertNormalizer", "lowercase": false]
    try folder.write(try Self.whole(["normalizer": cased]), to: "tokenizer.json")
    try folder.write(#"{"do_lower_case": true}"#, to: "tokenizer_config.json")
    #expect(try TokenizerFolder.load(folder.path).pieces("hello Hello é").map(\.id) == [5, 6, 7])
  }

  @Test func anAddedTokenIsFoundInTextAndIsNoPiece() throws {
    let folder = try TemporaryFolder()
    let tokens: JSONValue = [.object(Self.added("[SEP]", 3)), .object(Self.added("hell", 10))]
    try folder.write(try Self.whole(["added_tokens": tokens]), to: "tokenizer.json")
    let tokenizer = try TokenizerFolder.load(folder.path)
    #expect(tokenizer.vocabularySize == 11)
    // Hugging Face finds added tokens inside of words too.
    #expect(tokenizer.pieces("e hello[SEP]").map(\.piece) == ["e", "hell", "[UNK]", "[SEP]"])
  }

  @Test func twoSpellingsOfOneLetterAreTwoPieces() throws {
    let folder = try TemporaryFolder()
    // Equal strings in Swift, and different pieces: é in one character and in two.
    let vocab = ["[UNK]", "[CLS]", "[SEP]", "\u{e9}", "e\u{301}", "\u{795e}", "\u{fa19}"]
    let members = vocab.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
    let cased = #"{"type": "BertNormalizer", "lowercase": false}"#
    try folder.write(
      """
      {"normalizer": \(cased), "pre_tokenizer": {"type": "BertPreTokenizer"},
       "model": {"type": "WordPiece", "vocab": {\(members)}, "max_input_chars_per_word": 100}}
      """, to: "tokenizer.json")
    let tokenizer = try TokenizerFolder.load(folder.path)
    #expect(tokenizer.vocabularySize == 7)
    #expect(tokenizer.pieces("\u{e9} e\u{301} \u{795e} \u{fa19}").map(\.id) == [3, 4, 5, 6])
  }

  @Test(.enabled(if: Checkout.baseModel != nil, "needs the base model: make models"))
  func theBaseModelsFolderGivesTheSameWithAndWithoutItsList() throws {
    let model = try #require(Checkout.baseModel)
    let folder = try TemporaryFolder()
    try folder.write(try data("\(model)/tokenizer.json"), to: "tokenizer.json")
    let listed = try TokenizerFolder.load(model)
    let unlisted = try TokenizerFolder.load(folder.path)
    let text = "Sequence-to-sequence models, naïvely tokenised."
    #expect(listed.vocabularySize == 30522)
    #expect(listed.encode(text, text, maxLength: 20) == unlisted.encode(text, text, maxLength: 20))
    #expect(listed.encode("hello", maxLength: 20).ids == [101, 7592, 102])
  }

  @Test func whatIsNotSupportedIsNamed() throws {
    func refusal(_ files: [String: Data]) throws -> String? {
      let folder = try TemporaryFolder()
      for (name, content) in files { try folder.write(content, to: name) }
      let error = #expect(throws: IntrayError.self) { try TokenizerFolder.load(folder.path) }
      #expect(error?.code == .model)
      return error?.message
    }
    #expect(
      try refusal([
        "vocab.json": Data("{}".utf8), "merges.txt": Data(),
        "tokenizer_config.json": Data(#"{"tokenizer_class": "RobertaTokenizer"}"#.utf8),
      ]) == "the tokenizer RobertaTokenizer made of vocab.json and merges.txt is not supported yet")
    #expect(
      try refusal(["tokenizer.json": Self.whole(model: ["type": "BPE"])])
        == "a tokenizer of type BPE is not supported yet")
    #expect(
      try refusal(["tokenizer.json": Self.whole(model: ["type": "Unigram", "vocab": [["a", 0.5]]])])
        == "a tokenizer of type Unigram is not supported yet")
    #expect(
      try refusal(["tokenizer.json": Self.whole(["normalizer": ["type": "Sequence"]])])
        == "the normalizer Sequence is not supported yet")
    #expect(
      try refusal(["tokenizer.json": Self.whole(["pre_tokenizer": .null])])
        == "the pre-tokenizer none is not supported yet")
    #expect(
      try refusal(["tokenizer.json": Self.whole(["added_tokens": [.object(Self.added("<mask>", 10, lstrip: true))]])])
        == "the added token '<mask>' with its flags is not supported yet")
    func slot(_ kind: String, _ id: String, _ type: Int) -> JSONValue {
      .object([kind: ["id": .string(id), "type_id": .int(type)]])
    }
    let pair: [JSONValue] = [
      slot("SpecialToken", "[CLS]", 0), slot("Sequence", "A", 0), slot("SpecialToken", "[SEP]", 0),
      slot("SpecialToken", "[SEP]", 0), slot("Sequence", "B", 1), slot("SpecialToken", "[SEP]", 1),
    ]
    let template: JSONValue = ["type": "TemplateProcessing", "pair": .array(pair)]
    #expect(
      try refusal(["tokenizer.json": Self.whole(["post_processor": template])])
        == "the post-processor TemplateProcessing with its template is not supported yet")
  }

  @Test func anEmptyFolderIsSaidToHaveNoTokenizer() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: IntrayError.self) { try TokenizerFolder.load(folder.path) }
    #expect(error?.code == .missing)
    #expect(error?.location?.path == folder.path)
  }

  @Test func brokenVocabulariesNameTheLine() throws {
    func refusal(_ content: Data, as name: String = "vocab.txt") throws -> String? {
      let folder = try TemporaryFolder()
      let path = try folder.write(content, to: name)
      let error = #expect(throws: IntrayError.self) { try TokenizerFolder.load(folder.path) }
      #expect(error?.code == .model)
      #expect(error?.location?.path == path)
      return error.map { $0.description.replacingOccurrences(of: path, with: name) }
    }
    func list(_ pieces: [String]) -> Data { Data(pieces.map { $0 + "\n" }.joined().utf8) }
    #expect(try refusal(Data()) == "vocab.txt: the vocabulary is empty")
    #expect(
      try refusal(list(Self.pieces + ["hello"]))
        == "vocab.txt:11: the token 'hello' is there twice, with the ids 5 and 10")
    #expect(try refusal(list(["a", "", "b"])) == "vocab.txt:2: the token with the id 1 is empty")
    #expect(try refusal(Data("[UNK]\n".utf8) + [0xFF, 0x0A]) == "vocab.txt:2: not UTF-8")
    for missing in ["[UNK]", "[CLS]", "[SEP]"] {
      #expect(
        try refusal(list(Self.pieces.filter { $0 != missing })) == "vocab.txt: the vocabulary has no token '\(missing)'"
      )
    }
    let gap: JSONValue = ["[UNK]": 0, "[CLS]": 1, "[SEP]": 7]
    #expect(
      try refusal(try Self.whole(model: ["vocab": gap]), as: "tokenizer.json")
        == "tokenizer.json: the token '[SEP]' has the id 7, and there are 3 tokens")
    #expect(try refusal(Data("{".utf8), as: "tokenizer.json")?.hasPrefix("tokenizer.json: not the JSON") == true)
    let many = (0..<5000).map { JSONValue.object(Self.added("<\($0)>", 10 + $0)) }
    #expect(
      try refusal(try Self.whole(["added_tokens": .array(many)]), as: "tokenizer.json")
        == "tokenizer.json: 5000 added tokens, more than 4096")
    #expect(
      try refusal(try Self.whole(["added_tokens": [.object(Self.added("<x>", 12))]]), as: "tokenizer.json")
        == "tokenizer.json: the added token '<x>' has the id 12; the next free one is 10")
  }

  @Test func aLineEndOfWindowsIsNoPartOfAPiece() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.list.replacingOccurrences(of: "\n", with: "\r\n"), to: "vocab.txt")
    #expect(try TokenizerFolder.load(folder.path).pieces("hello").map(\.id) == [5])
  }
}
