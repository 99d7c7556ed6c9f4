import Augmentation
import BackTranslation
import Tensors
import Testing
import Text

@Suite struct AugmenterTests {
  static let steps = [
    Augmenter.Step(name: .deletion, rate: 0.2, copies: 2), Augmenter.Step(name: .swap, rate: 0.1),
    Augmenter.Step(name: .insertion, rate: 0.1), Augmenter.Step(name: .synonym, rate: 0.2, copies: 3),
  ]

  /// Gives what its closure says.
  struct Translator: BackTranslator {
    let translation: @Sendable (_ id: String, _ text: String) -> String?
    func backTranslate(id: String, text: String) -> String? { translation(id, text) }
  }

  func augmenter(
    steps: [Augmenter.Step] = steps, clean: [CleaningStep] = [.whitespace], seed: UInt64 = 7,
    translations: [@Sendable (String, String) -> String?] = []
  ) throws -> Augmenter {
    Augmenter(
      cleaning: try Cleaning(clean), eda: EasyDataAugmentation(thesaurus: LongWords()), steps: steps, seed: seed,
      translators: translations.map(Translator.init))
  }

  static let texts = ["Deep learning for   graphs", EasyDataAugmentationTests.plainText(60)]

  @Test func `each operation makes its copies, all of them different`() throws {
    let result = try augmenter().augment(id: "1", texts: Self.texts)
    #expect(result.texts[0] == "Deep learning for graphs")
    #expect(result.copies.map(\.operation) == [.deletion, .deletion, .swap, .insertion, .synonym, .synonym, .synonym])
    #expect(result.copies.map(\.number) == [1, 2, 1, 1, 1, 2, 3])
    #expect(Set(result.copies.map(\.texts) + [result.texts]).count == 8)
    #expect(result.copies.allSatisfy { $0.edits > 0 && $0.texts.count == 2 })
    #expect(result.misses.isEmpty)
  }

  @Test func `a row's copies depend on seed, id and text, and on nothing else`() throws {
    let augmenter = try augmenter()
    let one = try augmenter.augment(id: "1", texts: Self.texts).copies
    _ = try augmenter.augment(id: "2", texts: ["something else"])
    #expect(try augmenter.augment(id: "1", texts: Self.texts).copies == one)
    #expect(try augmenter.augment(id: "2", texts: Self.texts).copies != one)
    #expect(try self.augmenter(seed: 8).augment(id: "1", texts: Self.texts).copies != one)
    // A step's copies are the same with or without the other steps.
    let alone = try self.augmenter(steps: [Self.steps[3]]).augment(id: "1", texts: Self.texts).copies
    #expect(alone == one.filter { $0.operation == .synonym })
  }

  @Test func `what cannot be changed is counted`() throws {
    let result = try augmenter().augment(id: "1", texts: ["one", ""])
    #expect(result.copies.isEmpty)
    #expect(result.misses.count == 7)
    #expect(result.misses.allSatisfy { $0.reason == .notDistinct })
  }

  @Test func `two words have one other order`() throws {
    let result = try augmenter(steps: [.init(name: .swap, copies: 3)]).augment(id: "1", texts: ["one two"])
    #expect(result.copies.map(\.texts) == [["two one"]])
    #expect(result.misses.count == 2)
  }

  @Test func `a back-translation is cleaned after, not before`() throws {
    let augmenter = try augmenter(
      steps: [.init(name: .backtranslation)], clean: [.whitespace, .lowercase],
      translations: [{ _, _ in nil }, { $1 == "The  Deep Network learns" ? "The Deep Net learns" : nil }])
    let result = try augmenter.augment(id: "9", texts: ["A title", "The  Deep Network learns"])
    #expect(result.copies.map(\.texts) == [["a title", "the deep net learns"]])
    #expect(result.copies.first?.edits == 1)
  }

  @Test func `a refused back-translation is counted by its reason`() throws {
    let texts = ["four words are here"]
    let same = try augmenter(steps: [.init(name: .backtranslation)], translations: [{ $1 }]).augment(
      id: "1", texts: texts)
    #expect(same.misses.map(\.reason) == [.rejected(.identical)])
    let none = try augmenter(steps: [.init(name: .backtranslation)], translations: [{ _, _ in nil }]).augment(
      id: "1", texts: texts)
    #expect(none.misses.map(\.reason) == [.rejected(.missing)])
    #expect(none.copies.isEmpty)
  }
}
