import Foundation
import IntrayCore
import TestSupport
import Testing
import Text

@Suite struct CleaningTests {
  private func clean(_ text: String, _ steps: CleaningStep..., pos: LemmaPart = .noun) throws -> String {
    let wordNet = steps.contains(.lemmatize) ? try WordNetTests.wordNet.get() : nil
    return try Cleaning(steps, pos: pos, wordNet: wordNet).clean(text)
  }

  @Test func `white space becomes one space and never glues words`() throws {
    #expect(try clean(" a\r\n\tb\u{A0}\u{2003}c\u{2028}d\u{85}", .whitespace) == "a b c d")
    #expect(try clean("graph\nneural\nnetworks", .whitespace) == "graph neural networks")
    #expect(try clean(" \n ", .whitespace) == "")
    #expect(try clean("", .whitespace) == "")
    // A zero width space is none, and no other character changes.
    #expect(
      try clean("a\u{200B}b e\u{301}", .whitespace).unicodeScalars.elementsEqual("a\u{200B}b e\u{301}".unicodeScalars))
  }

  @Test func `lower case is Unicode's`() throws {
    #expect(try clean("Über GPUs ÀÉ ΣΑΣ ЖУК ẞ Ⅳ ǅ", .lowercase) == "über gpus àé σασ жук ß ⅳ ǆ")
    #expect(Array(try clean("İ", .lowercase).unicodeScalars) == ["i", "\u{307}"])
    #expect(try clean("ñ 神経 😀 ß", .lowercase) == "ñ 神経 😀 ß")
  }

  @Test func `each word becomes its lemma and the rest stays`() throws {
    let text = "deep neural networks' (2) layers: state-of-the-art models_x; naïves don't, word2vecs…\n"
    #expect(
      try clean(text, .lemmatize)
        == "deep neural network' (2) layer: state-of-the-art model_x; naïves don't, word2vecs…\n")
    #expect(try clean("it does work on us", .lemmatize) == "it doe work on u")
    #expect(try clean("it does work on us", .lemmatize, pos: .auto) == "it do work on us")
    #expect(try clean("proposed methods", .lemmatize, pos: .verb) == "propose methods")
    #expect(try clean("Networks", .lemmatize) == "Networks")
    #expect(try clean("Networks", .lowercase, .lemmatize) == "network")
  }

  @Test func `stop words go that stand alone`() throws {
    #expect(try clean("the t-SNE of a map", .removeStopWords) == "t-SNE map")
    #expect(try clean("We DON’T use it, i.e. the p(y|x) (and this).", .removeStopWords) == "use , i.e. p(y|x) ( ).")
    #expect(try clean("the cat", .removeStopWords) == "cat")
    #expect(try clean(" the  of\ncat the", .removeStopWords) == " cat")
    #expect(try clean("the of", .removeStopWords) == "")
    #expect(try Cleaning([.removeStopWords], stopWords: StopWords(["Über", "x"])).clean("ÜBER the X y") == "the y")
  }

  @Test func `numbers go, or become 0, and digits in words stay`() throws {
    let text = "in 2021, word2vec (3.14) 1,000.5 v1.2 gpt-3 5's ٣ 95% 1.5x"
    #expect(try clean(text, .removeDigits) == "in , word2vec () v1.2 gpt- 's % 1.5x")
    #expect(try clean(text, .maskDigits) == "in 0, word2vec (0) 0 v1.2 gpt-0 0's 0 0% 1.5x")
    #expect(try clean("7 8", .removeDigits) == "")
    #expect(try clean("10-20.", .maskDigits) == "0-0.")
  }

  @Test func `special characters go without gluing`() throws {
    #expect(try clean("x=3 & y", .removeSpecial) == "x 3 y")
    #expect(
      try clean("$\\alpha$-GAN [12], \"it's\" ok?! (naïve) 神経", .removeSpecial)
        == "alpha -GAN 12 , \"it's\" ok?! (naïve) 神経")
    #expect(try clean("so\u{AD}ft {a}\n{b} 😀", .removeSpecial) == "soft a\nb ")
    #expect(try clean("%%", .removeSpecial) == "")
  }

  @Test func `steps go in their order`() throws {
    let text = "The Networks\n of  2021"
    #expect(try clean(text, .lowercase, .lemmatize, .removeStopWords, .removeDigits, .whitespace) == "network")
    #expect(try clean(text, .lemmatize, .lowercase) == "the networks\n of  2021")
    #expect(try clean(text) == text)
  }

  @Test func `lemmatize needs WordNet`() throws {
    let error = try #require(throws: IntrayError.self) { try Cleaning([.lemmatize]) }
    #expect(error.code == .missing && error.hint == "apt install wordnet-base")
  }

  /// Texts of any characters, those that the steps look at more often than others.
  private static let texts: [String] = {
    var random = SystemRandomNumberGenerator()
    let pieces = [
      " ", "  ", "\n", "\t", "'", "’", ".", ",", "-", "(", ")", "%", "=", "$", "1", "23", "٣", "the", "The", "of",
      "don't",
      "s", "models", "does", "a", "É", "e\u{301}", "\u{301}", "İ", "Σ", "神", "😀", "👩\u{200D}🔬", "\u{AD}", "\u{A0}",
      "\u{2028}", "\u{0}", "\u{FFFD}",
    ]
    return (0..<3000).map { _ in
      (0..<Int.random(in: 0...12, using: &random)).map { _ in
        Bool.random(using: &random)
          ? pieces.randomElement(using: &random) ?? ""
          : String(Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random)) ?? "x")
      }.joined()
    }
      + (0..<3000).map { _ in
        (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
      }
  }()

  @Test(arguments: CleaningStep.allCases.filter { $0 != .lemmatize })
  func `a step done twice does no more than once`(step: CleaningStep) throws {
    let cleaning = try Cleaning([step])
    for text in Self.texts {
      let once = cleaning.clean(text)
      #expect(
        Array(cleaning.clean(once).utf8) == Array(once.utf8), "\(text.debugDescription) > \(once.debugDescription)")
    }
  }

  @Test(arguments: CleaningStep.allCases) func `no step glues what stands before or behind`(step: CleaningStep) throws {
    let cleaning = try Cleaning([step], wordNet: WordNetTests.wordNet.get())
    for text in Self.texts {
      // By scalars: a mark makes one character of itself and the space before it.
      let tokens = cleaning.clean("xyzzy " + text + " xyzzy").unicodeScalars.split { $0.properties.isWhitespace }
      #expect(tokens.count >= 2 && tokens.first.map(String.init) == "xyzzy" && tokens.last.map(String.init) == "xyzzy")
    }
  }

  @Test func `the recipe's stop words are found whatever their case`() {
    let words = ["i", "the", "don't", "wouldn't", "ourselves", "THE", "Don’t"]
    for word in words { #expect(StopWords.recipe.contains(Substring(word)), "\(word)") }
    for word in ["", "network", "th", "dont"] { #expect(!StopWords.recipe.contains(Substring(word)), "\(word)") }
  }
}
