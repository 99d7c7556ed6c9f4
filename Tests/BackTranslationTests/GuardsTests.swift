import BackTranslation
import IntrayCore
import TestSupport
import Testing

@Suite struct GuardsTests {
  @Test(
    arguments: [
      ("A small house", "A little house", nil),
      ("A small house", " a  SMALL house\n", .identical),
      ("A small house", "", .missing),
      ("A small house", " \n", .missing),
      ("A small house", "a", .tooShort),
      ("A small house", "a small house and much more than was said", .tooLong),
      ("A small house", "one tiny home", .tooLittleOverlap),
      ("?!", "?", nil),
      ("", "x", nil),
    ] as [(String, String, Guards.Rejection?)])
  func `a translation is judged`(original: String, translation: String, expected: Guards.Rejection?) {
    #expect(Guards().check(translation, of: original) == expected)
  }

  @Test func `the limits are those that were given, and count themselves in`() {
    let guards = Guards(lengthRatio: 0.8...1.25, overlap: 0.5)
    #expect(guards.check("a b c d e w x y z", of: "a b c d e f g h i j") == nil)
    #expect(guards.check("a b c d v w x y z", of: "a b c d e f g h i j") == .tooLittleOverlap)
    #expect(guards.check("12345678", of: "1234567890") == .tooLittleOverlap)
    let lengths = Guards(lengthRatio: 0.8...1.25, overlap: 0)
    #expect(lengths.check("12345678", of: "1234567890") == nil)
    #expect(lengths.check("1234567", of: "1234567890") == .tooShort)
    #expect(lengths.check("12345678901234", of: "1234567890") == .tooLong)
    #expect(lengths.check("éééé", of: "aaaa") == nil, "characters, not bytes")
  }

  @Test func `overlap is the share of the original's different words`() {
    #expect(Guards.overlap("the cat and the dog", "The cat, the CAT, the bird") == 2.0 / 3)
    #expect(Guards.overlap("anything", "...") == 1)
    #expect(Guards.overlap("", "word") == 0)
  }

  @Test func `rejections are counted by reason, duplicates of earlier ones among them`() {
    var acceptance = Acceptance(Guards())
    #expect(acceptance.judge("a good home", of: "a good house") == nil)
    #expect(acceptance.judge("A  good HOME", of: "a good building") == .duplicate)
    #expect(acceptance.judge("a good house", of: "a good house") == .identical)
    // What was rejected is no earlier one.
    #expect(acceptance.judge("a good house", of: "a good dwelling") == nil)
    #expect(acceptance.judge(nil, of: "text") == .missing)
    #expect(acceptance.judge("a good house", of: "a good home") == .duplicate)
    #expect(acceptance.accepted == 2)
    #expect(acceptance.rejected == [.duplicate: 2, .identical: 1, .missing: 1])
    #expect(acceptance.judged == 6)
  }

  @Test func `whatever the texts are, the counts add up`() {
    var random = SeededGenerator(seed: 2)
    var acceptance = Acceptance(Guards())
    let words = ["a", "b", "C", "é", ".", "", "long-word", "漢字", "\n"]
    for round in 1...2000 {
      func text() -> String {
        (0..<Int.random(in: 0...6, using: &random)).map { _ in words.randomElement(using: &random) ?? "" }
          .joined(separator: " ")
      }
      let (original, translation) = (text(), text())
      let before = acceptance.accepted
      let reason = acceptance.judge(translation, of: original)
      #expect(acceptance.accepted == before + (reason == nil ? 1 : 0))
      #expect(acceptance.judged == round)
      if let reason, reason != .duplicate { #expect(Guards().check(translation, of: original) == reason) }
    }
  }
}
