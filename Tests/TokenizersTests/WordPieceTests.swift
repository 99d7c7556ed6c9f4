import Foundation
import IntrayCore
import Tables
import TestSupport
import Testing
import Tokenizers

@Suite struct WordPieceTests {
  struct Case: Decodable {
    var text: String
    var ids: [Int32]
    var cased: UInt32
    var accented: UInt32
    var bare: UInt32
  }

  static let vocabulary = Checkout.fixture("tokenizers/vocab.txt")
  static let questions = Checkout.sharedData("tokenizers")
  static let papers = Checkout.sharedData("arxiv-cs36/dev.csv")

  static func cases() throws -> [Case] {
    try JSON.decode([Case].self, from: data(Checkout.fixture("tokenizers/cases.json")), path: "cases.json")
  }

  @Test func edgeCasesAndAllPartsOfUnicodeAreCutAsHuggingFaceDoes() throws {
    let tokenizer = try WordPieceTokenizer(vocabulary: Self.vocabulary)
    for test in try Self.cases() {
      #expect(tokenizer.pieces(test.text).map(\.id) == test.ids, "\(test.text.debugDescription)")
    }
  }

  @Test func theOtherRulesCutAsHuggingFaceDoes() throws {
    let cased = try WordPieceTokenizer(
      vocabulary: Self.vocabulary, rules: TextRules(stripsAccents: false, lowercases: false))
    let accented = try WordPieceTokenizer(vocabulary: Self.vocabulary, rules: TextRules(stripsAccents: false))
    let bare = try WordPieceTokenizer(
      vocabulary: Self.vocabulary, rules: TextRules(cleansText: false, isolatesIdeographs: false, lowercases: false))
    for test in try Self.cases() {
      let text = test.text.debugDescription
      #expect(checksum(cased.pieces(test.text).map(\.id)) == test.cased, "cased: \(text)")
      #expect(checksum(accented.pieces(test.text).map(\.id)) == test.accented, "accented: \(text)")
      #expect(checksum(bare.pieces(test.text).map(\.id)) == test.bare, "bare: \(text)")
    }
  }

  @Test func pairsAreCutOffAsHuggingFaceDoes() throws {
    let tokenizer = try WordPieceTokenizer(vocabulary: Self.vocabulary)
    let table = try JSON.decode(
      [[Int]].self, from: data(Checkout.fixture("tokenizers/truncation.json")), path: "truncation.json")
    #expect(table.count == 1200)
    for row in table {
      let encoding = tokenizer.encode(
        String(repeating: "a ", count: row[0]), String(repeating: "e ", count: row[1]), maxLength: row[2])
      let segments = [Int32](repeating: 0, count: row[3] + 2) + [Int32](repeating: 1, count: row[4] + 1)
      #expect(encoding.segments == segments, "\(row)")
      #expect(encoding.ids.count == segments.count)
      #expect(encoding.ids.dropFirst().prefix(row[3]).allSatisfy { tokenizer.piece($0) == "a" })
      #expect(encoding.ids.dropFirst(row[3] + 2).prefix(row[4]).allSatisfy { tokenizer.piece($0) == "e" })
    }
  }

  @Test func aSingleTextIsCutOffAtTheEnd() throws {
    let tokenizer = try WordPieceTokenizer(vocabulary: Self.vocabulary)
    let encoding = tokenizer.encode("hello world unaffable", maxLength: 5)
    #expect(encoding.ids.map(tokenizer.piece) == ["[CLS]", "hello", "world", "un", "[SEP]"])
    #expect(encoding.segments == [0, 0, 0, 0, 0])
    #expect(encoding.truncated == tokenizer.pieces("hello world unaffable").count - 3)
    #expect(tokenizer.encode("hello world unaffable", maxLength: 100).truncated == 0)
    for limit in [3, 4, 5, 6, 8, 100] {
      let whole = tokenizer.encode("hello world", "unaffable hello hello", maxLength: 1000)
      let cut = tokenizer.encode("hello world", "unaffable hello hello", maxLength: limit)
      #expect(cut.truncated == whole.ids.count - cut.ids.count && whole.truncated == 0)
    }
    #expect(tokenizer.encode("", maxLength: 5).ids.map(tokenizer.piece) == ["[CLS]", "[SEP]"])
    #expect(tokenizer.encode("", "", maxLength: 5).ids.map(tokenizer.piece) == ["[CLS]", "[SEP]", "[SEP]"])
  }

  @Test func specialTokensInATextCanBeTakenAsText() throws {
    let plain = try WordPieceTokenizer(vocabulary: Self.vocabulary, recognizesSpecialTokens: false)
    let pieces = plain.pieces("a [SEP] b").map(\.piece)
    #expect(pieces.first == "a" && pieces.last == "b" && !pieces.contains("[SEP]") && pieces.count > 3)
    let usual = try WordPieceTokenizer(vocabulary: Self.vocabulary)
    #expect(usual.pieces("a [SEP] b").map(\.piece) == ["a", "[SEP]", "b"])
  }

  @Test func bytesThatAreNotUTF8CountAsReplacementCharacters() throws {
    let tokenizer = try WordPieceTokenizer(vocabulary: Self.vocabulary)
    let sequences: [[UInt8]] = [
      [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE2, 0x82], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
      [0xF0, 0x9F, 0x98], [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xFE],
    ]
    for sequence in sequences {
      let text = Array("he".utf8) + sequence + Array("llo world".utf8)
      let pieces = text.withUnsafeBufferPointer { tokenizer.ids($0) }.map(tokenizer.piece)
      #expect(pieces == ["hello", "world"], "\(sequence)")
      // And at the very end of a text.
      _ = sequence.withUnsafeBufferPointer { tokenizer.ids($0) }
    }
  }

  @Test func manyThreadsShareOneTokenizer() async throws {
    let tokenizer = try WordPieceTokenizer(vocabulary: Self.vocabulary)
    let cases = try Self.cases()
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask { cases.allSatisfy { tokenizer.pieces($0.text).map(\.id) == $0.ids } }
      }
      for await same in group { #expect(same) }
    }
  }

  @Test(.enabled(if: questions != nil, "needs ../shared/data/tokenizers"))
  func allQuestionsHaveTheirIds() throws {
    struct Question: Decodable {
      var original: String
      var wordpiece: [String]
    }
    let folder = try #require(Self.questions)
    let tokenizer = try WordPieceTokenizer(vocabulary: "\(folder)/bert-vocab.txt")
    #expect(tokenizer.vocabularySize == 30522)
    let questions = try JSON.decode(
      [Question].self, from: data("\(folder)/question_tokens.json"), path: "question_tokens.json")
    let ids = try JSON.decode(
      [[Int32]].self, from: data("\(folder)/tokenized_questions.json"), path: "tokenized_questions.json")
    #expect(questions.count == 10570)
    #expect(ids.count == 10570)
    for (question, ids) in zip(questions, ids) {
      let pieces = tokenizer.pieces(question.original)
      #expect(pieces.map(\.id) == ids, "\(question.original)")
      #expect(pieces.map(\.piece) == question.wordpiece, "\(question.original)")
    }
  }

  @Test(.enabled(if: questions != nil && papers != nil, "needs ../shared/data/tokenizers and arxiv-cs36"))
  func allPapersAreCutAsHuggingFaceDoes() throws {
    let tokenizer = try WordPieceTokenizer(vocabulary: "\(try #require(Self.questions))/bert-vocab.txt")
    let table = try TableReader(try #require(Self.papers))
    let (title, abstract) = (try table.column("title"), try table.column("abstract"))
    let expected = String(decoding: try data(Checkout.fixture("tokenizers/dev-checksums.txt")), as: UTF8.self)
      .split(separator: "\n").map { UInt32($0, radix: 16) }
    #expect(expected.count == 5000)
    var number = 0
    while let row = try table.next() {
      var sum: UInt32 = 0x811C_9DC5
      for (first, second) in [
        (collapsed(row[title]), collapsed(row[abstract])), (row[title], row[abstract]),
      ] {
        for limit in [64, 256, 300] {
          let encoding = tokenizer.encode(first, second, maxLength: limit)
          sum = checksum([Int32(encoding.ids.count)] + encoding.ids + encoding.segments, sum)
        }
      }
      #expect(number < expected.count && sum == expected[number], "line \(row.line)")
      number += 1
    }
    #expect(number == expected.count)
  }
}

/// `" ".join(text.split())` of Python.
private func collapsed(_ text: String) -> String {
  text.unicodeScalars.split { $0.properties.isWhitespace || (0x1C...0x1F).contains($0.value) }.map(String.init)
    .joined(separator: " ")
}

func data(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

/// FNV-1a over 32-bit little-endian numbers, as the generator has it.
func checksum(_ numbers: [Int32], _ start: UInt32 = 0x811C_9DC5) -> UInt32 {
  var hash = start
  for number in numbers {
    for shift in [0, 8, 16, 24] { hash = (hash ^ UInt32(truncatingIfNeeded: number >> shift) & 0xFF) &* 0x0100_0193 }
  }
  return hash
}
