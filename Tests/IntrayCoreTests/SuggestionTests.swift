import IntrayCore
import Testing

@Suite struct SuggestionTests {
  @Test func aTypingSlipIsFound() {
    #expect(Suggestion.hint(for: "epoch", among: ["epochs", "model"]) == "did you mean 'epochs'?")
    #expect(Suggestion.nearest(to: "abstrct", among: ["title", "abstract"]) == "abstract")
    #expect(Suggestion.nearest(to: "modle", among: ["model", "mode"]) == "model")
  }

  @Test func aStrangerGetsTheList() {
    #expect(Suggestion.hint(for: "xyzzy", among: ["b", "a"]) == "known: a, b")
    #expect(Suggestion.nearest(to: "", among: ["abc"]) == nil)
  }
}
