import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct TokenizeTests {
  private struct Line: Decodable {
    var text: String
    var pieces: [String]
    var ids: [Int32]
  }

  /// A model folder with the vocabulary alone.
  private func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##able", "to", "say"]
    try folder.write(pieces.joined(separator: "\n") + "\n", to: ".intray/models/tiny/vocab.txt")
    try folder.write("{}", to: ".intray/models/tiny/config.json")
    return folder
  }

  @Test func `each line is shown as pieces with their ids`() throws {
    let folder = try folder()
    let result = try Program(in: folder.path)("tokenize", "--model", "tiny", input: "Unable to say\r\n\nxyz")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output == "un 5  ##able 6  to 7  say 8\n\n[UNK] 1\n")
  }

  @Test func `JSON has an object a line, with the special tokens when a length is given`() throws {
    let folder = try folder()
    try folder.write("unable to say\n", to: "texts.txt")
    let result = try Program(in: folder.path)(
      "tokenize", "--model", "./.intray/models/tiny", "--json", "--max-length", "5", "texts.txt")
    let line = try JSON.decode(Line.self, from: result.output, path: "output")
    #expect(line.text == "unable to say")
    #expect(line.pieces == ["[CLS]", "un", "##able", "to", "[SEP]"])
    #expect(line.ids == [2, 5, 6, 7, 3])
  }

  @Test func `the speed is of all texts`() throws {
    let folder = try folder()
    let intray = Program(in: folder.path)
    let texts = String(repeating: "unable to say\n", count: 100)
    let result = try intray("tokenize", "--model", "tiny", "--speed", "--max-length", "5", "--json", input: texts)
    let speed = try JSON.decode(JSONValue.self, from: result.output, path: "output")
    #expect(speed["texts"] == 100)
    #expect(speed["bytes"] == 1300)
    #expect(speed["tokens"] == 500)
    #expect(try #require(speed["mib_per_s"]?["1"]?.double) > 0)
    let shown = try intray("tokenize", "--model", "tiny", "--speed", input: texts).output
    #expect(shown.hasPrefix("texts:"))
    #expect(shown.contains(/tokens: +400\n/))
    #expect(shown.contains("with 1 thread:"))
    #expect(try intray("tokenize", "--model", "tiny", "--speed", input: "").status == 0)
  }

  @Test func `what cannot be read is named`() throws {
    let folder = try folder()
    let intray = Program(in: folder.path)
    #expect(try intray("tokenize", "--model", "tin", input: "").errors.contains("did you mean 'tiny'?"))
    #expect(try intray("tokenize", "--model", "tiny", "none.txt").status == IntrayError.Code.missing.exitCode)
    try folder.write(Data([0x61, 0x0A, 0xFF, 0x0A]), to: "bad.txt")
    let bad = try intray("tokenize", "--model", "tiny", "bad.txt")
    #expect(bad.status == IntrayError.Code.data.exitCode)
    #expect(bad.errors.contains("bad.txt:2: not UTF-8"))
  }
}
