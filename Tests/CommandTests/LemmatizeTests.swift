import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct LemmatizeTests {
  @Test func `each word is shown with its lemmas, as noun, verb, adjective, adverb, and auto`() throws {
    let folder = try TemporaryFolder()
    let result = try Program(in: folder.path)("lemmatize", input: "does\nBetter\n\nbetter")
    #expect(result.status == 0, "\(result.errors)")
    #expect(
      result.output == """
        does\tdoe\tdo\tdoes\tdoes\tdo
        Better\tBetter\tBetter\tBetter\tBetter\tBetter
        \t\t\t\t\t
        better\tbetter\tbetter\tgood\twell\tgood

        """)
    try folder.write("naïve networks\n", to: "words.txt")
    let line = try JSON.decode(
      JSONValue.self, from: Program(in: folder.path)("lemmatize", "--json", "words.txt").output, path: "output")
    #expect(line["word"] == "naïve networks")
    #expect(line["lemmas"]?["noun"] == "naïve networks")
    #expect(line["lemmas"]?.object?.count == 5)
  }

  @Test func `the speed is of all words`() throws {
    let folder = try TemporaryFolder()
    let words = String(repeating: "women\nwork\nmen\n", count: 100)
    let result = try Program(in: folder.path)("lemmatize", "--speed", "--json", input: words)
    let speed = try JSON.decode(JSONValue.self, from: result.output, path: "output")
    #expect(speed["words"] == 300)
    #expect(speed["bytes"] == 1200)
    // `men` is a noun of its own: a work force.
    #expect(speed["changed"] == 100)
    #expect(try #require(speed["words_per_s"]?["1"]?.double) > 0)
    let shown = try Program(in: folder.path)("lemmatize", "--speed", "--pos", "auto", input: words).output
    #expect(shown.contains("with 1 thread:"))
    #expect(shown.contains(/changed: +200\n/))
  }

  @Test func `a missing WordNet says how to install it`() throws {
    let folder = try TemporaryFolder()
    let result = try Program(in: folder.path)("lemmatize", "--wordnet", "none", input: "dogs\n")
    #expect(result.status == IntrayError.Code.missing.exitCode)
    #expect(result.errors.contains("apt install wordnet-base"))
  }
}
