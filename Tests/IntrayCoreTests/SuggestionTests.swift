import IntrayCore
import Testing

@Suite struct SuggestionTests {
  @Test func aTypingSlipIsFound() {
    #expect(Suggestion.hint(for: "epoch", among: ["epochs", "model"]) == "did you mean 'epochs'?")
    #expect(Suggestion.nearest(to: "abstrct", among: ["title", "abstract"]) == "abstract")
    #expect(Suggestion.nearest(to: "modle", among: ["model", "mode"]) == "model")
  }

  @Test func `names that somebody made to cost time do not`() {
    let names = (0..<200_000).map { "\($0)" + String(repeating: "ab", count: 100) }
    let began = ContinuousClock.now
    for length in [200, 60] {
      let word = String(repeating: "xy", count: length / 2)
      #expect(Suggestion.nearest(to: word, among: names.map { String($0.prefix(length)) }) == nil)
    }
    #expect(ContinuousClock.now - began < .seconds(20))
  }

  @Test func aStrangerGetsTheList() {
    #expect(Suggestion.hint(for: "xyzzy", among: ["b", "a"]) == "known: a, b")
    #expect(Suggestion.nearest(to: "", among: ["abc"]) == nil)
  }
}
