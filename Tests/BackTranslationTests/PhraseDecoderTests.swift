import BackTranslation
import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct PhraseDecoderTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func table(_ text: String, _ name: String = "t") throws -> PhraseTable {
    let path = "\(folder.path)/\(name).phrases"
    _ = try PhraseTable.compile(folder.write(text, to: "\(name).txt"), to: path)
    return try PhraseTable(path)
  }

  @Test func `phrases are translated, unknown words and punctuation stay, capitals come back`() throws {
    let decoder = PhraseDecoder(
      try table("neural network\tréseau de neurones\nnetwork\tréseau\nthe\tle\nwe\tnous\nafrican\tAfricain\n"))
    for (text, expected) in [
      ("The  neural\tnetwork (BERT)", "Le  réseau de neurones (BERT)"),
      ("the Network, the “NETWORK”!", "le Réseau, le “Réseau”!"),
      ("We: neural-network", "Nous: neural-réseau"),
      ("african", "Africain"),
      ("x^2 + \\alpha{}", "x^2 + \\alpha{}"),
      ("  the  ", "  le"),
      ("", ""),
      ("???", "???"),
    ] {
      #expect(try decoder.translate(text) == expected)
    }
  }

  @Test func `longer phrases and likelier translations win by their scores`() throws {
    let decoder = PhraseDecoder(
      try table(
        """
        a ||| un ||| 1 1 0.9 1
        a ||| une ||| 1 1 0.1 1
        b ||| bé ||| 1 1 0.5 1
        a b ||| ab ensemble ||| 1 1 0.3 1

        """), wordPenalty: 0.5)
    let found = try decoder.translations(of: "a b")
    #expect(found.map(\.text) == ["un bé", "ab ensemble", "une bé"])
    for (translation, expected) in zip(found, [log(0.9) + log(0.5) - 1, log(0.3) - 1, log(0.1) + log(0.5) - 1]) {
      #expect(abs(translation.score - expected) < 1e-6)
    }
    // Without the penalty for words nothing changes here; with a large one fewer words win.
    #expect(try PhraseDecoder(decoder.table, beam: 1).translations(of: "a b").map(\.text) == ["un bé"])
  }

  /// All ways to translate, the best score of each text.
  private func all(_ words: [String], _ table: [String: [(String, Double)]], penalty: Double) -> [String: Double] {
    var best: [[String: Double]] = [["": 0]]
    for end in 1...words.count {
      var here: [String: Double] = [:]
      for start in max(0, end - 7)..<end {
        let source = words[start..<end].joined(separator: " ")
        var options = table[source] ?? []
        if options.isEmpty && end - start == 1 { options = [(source, -10)] }
        for (target, logProbability) in options {
          let score = logProbability - penalty * Double(target.split(separator: " ").count)
          for (text, before) in best[start] {
            let longer = text.isEmpty ? target : text + " " + target
            here[longer] = max(here[longer] ?? -.infinity, before + score)
          }
        }
      }
      best.append(here)
    }
    return best[words.count]
  }

  @Test func `the beam finds what trying everything finds`() throws {
    var random = SeededGenerator(seed: 31)
    for round in 0..<60 {
      var options: [String: [(String, Double)]] = [:]
      var text = ""
      for _ in 0..<12 {
        let source = (0..<Int.random(in: 1...3, using: &random)).map { _ in
          "abc".randomElement(using: &random).map(String.init) ?? ""
        }
        .joined(separator: " ")
        let target = (0..<Int.random(in: 1...2, using: &random)).map { _ in
          "xyz".randomElement(using: &random).map(String.init) ?? ""
        }
        .joined(separator: " ")
        if options[source]?.contains(where: { $0.0 == target }) == true { continue }
        let share = Double.random(in: 0.01...1, using: &random)
        options[source, default: []].append((target, Double(Float(log(share)))))
        text += "\(source) ||| \(target) ||| 1 1 \(share) 1\n"
      }
      let decoder = PhraseDecoder(try table(text, "r\(round)"), beam: 8, wordPenalty: 0.2)
      let words = (0..<Int.random(in: 1...6, using: &random)).map { _ in
        "abcd".randomElement(using: &random).map(String.init) ?? ""
      }
      let expected = all(words, options, penalty: 0.2)
      let found = try decoder.translations(of: words.joined(separator: " "))
      let best = try #require(expected.values.max())
      #expect(abs(found[0].score - best) < 1e-4)
      #expect(found.count <= 8 && Set(found.map(\.text)).count == found.count)
      #expect(found.map(\.score) == found.map(\.score).sorted(by: >))
      for translation in found {
        #expect(abs(translation.score - (try #require(expected[translation.text]))) < 1e-4)
      }
      // Kept hypotheses differ in what they have written, so the first ones are the best there are.
      let top = expected.values.sorted(by: >).prefix(found.count)
      for (translation, score) in zip(found, top) { #expect(abs(translation.score - score) < 1e-4) }
    }
  }

  @Test func `the same text gives the same translations on any thread`() throws {
    let decoder = PhraseDecoder(try table("a\tx\na\ty\na\tz\na b\tw\nb\tv\nb\tu\n"))
    let text = String(repeating: "a b a a b. ", count: 50)
    let expected = try decoder.translate(text)
    let results = Results()
    DispatchQueue.concurrentPerform(iterations: 8) { _ in results.add((try? decoder.translate(text)) ?? "") }
    #expect(results.all == [String](repeating: expected, count: 8))
  }

  private final class Results: @unchecked Sendable {
    private let lock = NSLock()
    private var texts: [String] = []

    func add(_ text: String) { lock.withLock { texts.append(text) } }
    var all: [String] { lock.withLock { texts } }
  }

  @Test func `a text of any length and kind comes through`() throws {
    let decoder = PhraseDecoder(try table("a\tb\nc d\te\n"), beam: 2)
    let long = String(repeating: "a ", count: 20_000)
    #expect(try decoder.translate(long).split(separator: " ").allSatisfy { $0 == "b" })
    var random = SeededGenerator(seed: 5)
    let pieces = ["q", "Q.", " ", "\n", "!", "é", "漢", "😎", "\u{301}", "'", "—", "\u{0}", "ﬁ", "½", "\r\n", "-"]
    for _ in 0..<500 {
      let text = (0..<Int.random(in: 0...20, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
        .joined()
      // Nothing of it is in the table: all stays but for space at the end.
      let translated = try decoder.translate(text)
      #expect(text.utf8.starts(with: translated.utf8))
      #expect(text.utf8.dropFirst(translated.utf8.count).allSatisfy { $0 <= 0x20 })
    }
  }

  @Test func `the way back takes other words where there are any`() throws {
    let forward = try table("house\tmaison\ncat\tchat\nthe\tle\n", "forward")
    let backward = try table("maison\thouse\nmaison\thome\nchat\tcat\nle\tthe\n", "backward")
    let pivot = PivotTranslator(forward: forward, backward: backward)
    #expect(
      try pivot.backTranslate(id: "1", text: "The house, the Cat. The cat!\nHouse")
        == "The home, the Cat. The cat!\nHome")
    #expect(try pivot.backTranslate(id: "1", text: " \n") == nil)
    #expect(try pivot.backTranslate(id: "1", text: "GAN") == "GAN")
    // A beam of one knows only one way.
    #expect(
      try PivotTranslator(forward: forward, backward: backward, beam: 1).backTranslate(id: "1", text: "house")
        == "house")
  }

  @Test func `a folder holds both tables`() throws {
    _ = try table("house\tmaison\n", "forward")
    _ = try table("maison\thome\n", "backward")
    #expect(try PivotTranslator(folder: folder.path).backTranslate(id: "1", text: "House") == "Home")
    let error = #expect(throws: IntrayError.self) { try PivotTranslator(folder: "/no/such/folder") }
    #expect(error?.code == .missing)
  }

  @Test(
    .enabled(
      if: Checkout.sharedData("backtranslation/eng-fra.tsv") != nil,
      "the dictionaries eng-fra.tsv and fra-eng.tsv are not beside the checkout"))
  func `real dictionaries bring a text back in other words`() throws {
    for name in ["eng-fra", "fra-eng"] {
      let source = try #require(Checkout.sharedData("backtranslation/\(name).tsv"))
      let summary = try PhraseTable.compile(source, to: "\(folder.path)/\(name).phrases")
      #expect(summary.format == "dictionary" && summary.phrases > 5000)
    }
    let pivot = PivotTranslator(
      forward: try PhraseTable("\(folder.path)/eng-fra.phrases"),
      backward: try PhraseTable("\(folder.path)/fra-eng.phrases"))
    let text = "The house is large, and the answer of the method (BERT) is often wrong. We study a small language."
    let back = try #require(try pivot.backTranslate(id: "1", text: text))
    #expect(Guards().check(back, of: text) == nil, "\(back)")
    #expect(back.contains("(BERT)"))
  }
}
