import Augmentation
import Tensors
import Testing
import Text

/// A word's synonym is the word with an `x` behind it, for words of five letters and more.
struct LongWords: Thesaurus {
  func synonyms(of word: String) -> [String] { word.utf8.count < 5 ? [] : [word + "x"] }
}

@Suite struct EasyDataAugmentationTests {
  typealias Operation = EasyDataAugmentation.Operation

  static let text =
    "The Learning of networks, and of CNN models: $x_1 = 3$ learning rates\nmatter (much) for all deep networks."
  static let eda = EasyDataAugmentation(thesaurus: LongWords(), reserved: ["models"])

  /// Words of spaces and letters only, so that splitting at spaces is what the operations see.
  static func plainText(_ count: Int) -> String {
    (0..<count).map { ["alpha", "beta", "gamma", "delta", "epsilon", "the"][$0 % 6] + "\(letters($0))" }
      .joined(separator: " ")
  }

  private static func letters(_ number: Int) -> String {
    String(number).map { String(UnicodeScalar(UInt8(ascii: "a") + UInt8($0.wholeNumberValue ?? 0))) }.joined()
  }

  func apply(
    _ operation: Operation, _ rate: Double, _ text: String = text, seed: UInt64 = 1, eda: EasyDataAugmentation = eda
  ) -> (text: String, edits: Int) {
    var random = CounterRandom(seed: seed, purpose: CounterRandom.Purpose.augmentation)
    return eda.apply(operation, rate: rate, to: text, random: &random)
  }

  @Test(arguments: Operation.allCases) func `the same random numbers give the same text`(operation: Operation) {
    #expect(apply(operation, 0.1) == apply(operation, 0.1))
    #expect((2...20).contains { apply(operation, 0.1, seed: $0).text != apply(operation, 0.1).text })
  }

  @Test(arguments: [0.05, 0.1, 0.3, 0.7]) func `deletion keeps its rate and the order of the words`(rate: Double) {
    let text = Self.plainText(200)
    let words = text.split(separator: " ")
    var deleted = 0
    for seed in 1...50 as ClosedRange<UInt64> {
      let result = apply(.deletion, rate, text, seed: seed)
      let left = result.text.split(separator: " ", omittingEmptySubsequences: false)
      #expect(left.count == 200 - result.edits)
      #expect(isSubsequence(left, of: words))
      deleted += result.edits
    }
    // Five standard deviations of a binomial distribution.
    let spread = 5 * (10_000 * rate * (1 - rate)).squareRoot()
    #expect(abs(Double(deleted) - 10_000 * rate) < spread)
  }

  @Test(arguments: [(0.1, 20), (0.5, 100), (0.001, 1)])
  func `swap moves words and loses none`(rate: Double, pairs: Int) {
    let text = Self.plainText(200)
    let result = apply(.swap, rate, text)
    #expect(result.edits == pairs)
    #expect(result.text.split(separator: " ").sorted() == text.split(separator: " ").sorted())
    let moved = zip(result.text.split(separator: " "), text.split(separator: " ")).count { $0 != $1 }
    #expect((1...2 * pairs).contains(moved))
  }

  @Test(arguments: [(0.1, 20), (0.5, 100)])
  func `insertion brings in as many synonyms as it says, and changes nothing else`(rate: Double, count: Int) {
    let text = Self.plainText(200)
    let result = apply(.insertion, rate, text)
    #expect(result.edits == count)
    let words = result.text.split(separator: " ", omittingEmptySubsequences: false)
    #expect(words.count == 200 + count)
    #expect(isSubsequence(text.split(separator: " "), of: words))
    #expect(words.count { $0.hasSuffix("x") } == count)
  }

  @Test(arguments: [(0.1, 20), (0.5, 100)])
  func `synonyms replace as many different words as the rate says`(rate: Double, count: Int) {
    let text = Self.plainText(200)
    let result = apply(.synonym, rate, text)
    #expect(result.edits == count)
    for (new, old) in zip(result.text.split(separator: " "), text.split(separator: " ")) {
      #expect(new == old || new == old + "x")
    }
  }

  @Test func `a synonym comes wherever the word stands, with its capital`() {
    let result = apply(.synonym, 1)
    #expect(result.text.hasPrefix("The Learningx of networksx, and of CNN models:"))
    #expect(result.text.contains("learningx ratesx\nmatterx (much)"))
    #expect(result.text.hasSuffix("deep networksx."))
  }

  @Test(arguments: Operation.allCases, [0.1, 0.9])
  func `reserved words stay, and what is no word as well`(operation: Operation, rate: Double) {
    for seed in 1...20 as ClosedRange<UInt64> {
      let changed = apply(operation, rate, seed: seed).text
      #expect(changed.contains("models"))
      if operation != .deletion {
        for mark in [":", "$", "_", "=", "\n", "(", ")", ",", "."] {
          #expect(changed.contains(mark), "\(mark): \(changed)")
        }
      }
    }
  }

  @Test(arguments: Operation.allCases) func `a command of LaTeX stays in one piece`(operation: Operation) {
    let text = #"an $\omega$-regular and \textbf{strong} language of \mathcal{lambda} terms"#
    for seed in 1...30 as ClosedRange<UInt64> {
      let changed = apply(operation, 0.5, text, seed: seed).text
      for command in [#"\omega"#, #"\textbf"#, #"\mathcal"#] { #expect(changed.contains(command), "\(changed)") }
    }
  }

  @Test func `stop words and names are not looked up`() {
    struct Everything: Thesaurus {
      func synonyms(of word: String) -> [String] { ["SYNONYM"] }
    }
    let eda = EasyDataAugmentation(thesaurus: Everything())
    for seed in 1...20 as ClosedRange<UInt64> {
      #expect(apply(.synonym, 1, "the CNN and LaTeX of 3D", seed: seed, eda: eda).edits == 0)
      #expect(apply(.insertion, 1, "the CNN and LaTeX of 3D", seed: seed, eda: eda).edits == 0)
    }
  }

  @Test(arguments: Operation.allCases, ["", " ", "...", "a", "\u{301}", "日本語", "é\u{0}x", "\r\n", "a b"])
  func `any text is taken`(operation: Operation, text: String) {
    for seed in 1...10 as ClosedRange<UInt64> {
      let result = apply(operation, 0.5, text, seed: seed)
      #expect(result.edits > 0 || result.text == text)
      #expect(text.isEmpty || !result.text.isEmpty)
    }
  }

  @Test(arguments: [
    ("their value, as", ["their, as", "value, as", "their value,"]),
    ("a two-player game", ["a player game", "a two game"]),
    ("see (the KG) now", ["see (the) now", "see (KG) now", "(the KG) now"]), ("the end.", ["the.", "end."]),
  ])
  func `a deleted word takes its space or hyphen along`(text: String, wanted: [String]) {
    let seen = Set((1...200 as ClosedRange<UInt64>).map { apply(.deletion, 0.2, text, seed: $0).text })
    for text in wanted { #expect(seen.contains(text), "'\(text)' is not in \(seen)") }
  }

  @Test func `a text never loses its last word`() {
    for seed in 1...50 as ClosedRange<UInt64> {
      let left = apply(.deletion, 1, "one two three", seed: seed).text
      #expect(["one", "two", "three"].contains(left), "'\(left)'")
    }
  }

  private func isSubsequence(_ short: [Substring], of long: [Substring]) -> Bool {
    var rest = short[...]
    for word in long where word == rest.first { rest = rest.dropFirst() }
    return rest.isEmpty
  }
}
