import FileKit
import IntrayCore

/// Princeton's WordNet 3.0 as Debian's `wordnet-base` installs it: the lemmas and synonyms of English words.
///
/// (1) `lemma(of:as:)` is what `WordNetLemmatizer().lemmatize(word, pos)` of NLTK 3.9 and 3.10 gives on the same files, for any
///     word.
/// (2) The files are read whole and checked against each other when it is opened, so that nothing later can fail.
/// (3) It never changes after it was opened, so any number of threads may share it.
///
///     let wordNet = try WordNet()
///     wordNet.lemma(of: "churches", as: .noun)                    // church
///     wordNet.lemma(of: "does")                                   // do
///     wordNet.synonyms(of: "car", senses: .first)                 // auto, automobile, machine, motorcar
public final class WordNet: Sendable {
  public static let folder = "/usr/share/wordnet"
  /// What a person does where WordNet is missing.
  public static let installation = "apt install wordnet-base"

  public enum PartOfSpeech: String, Sendable, Codable, CaseIterable {
    case noun, verb, adjective, adverb
  }

  public enum Senses: String, Sendable, Codable {
    /// The synonyms of the first sense, as published: often none.
    case first
    case all
  }

  let lexicon: Lexicon
  /// `data.*`, by part of speech.
  private let data: [MappedFile]

  /// - Throws: `IntrayError(.missing)` where a file is missing, `.data` with file and line where one is not as wndb(5WN) and
  ///   cntlist(5WN) say, or does not fit the others.
  public init(folder: String = WordNet.folder) throws {
    (lexicon, data) = try WordNetFiles(folder).read()
  }

  /// The shortest word of WordNet that this one may be an inflection of, the word itself where there is none. WordNet's
  /// words are in lower case, NLTK looks for them as they are written: `Dogs` stays.
  public func lemma(of word: String, as part: PartOfSpeech) -> String {
    lemma(of: word, pos: LemmaPart(part))
  }

  /// The lemma in the part of speech in which WordNet's corpus has it most often (`docs/decisions/027-pos-auto.md`).
  public func lemma(of word: String) -> String { lemma(of: word, pos: .auto) }

  public func lemma(of word: String, pos part: LemmaPart) -> String {
    var bytes = word
    let lemma = bytes.withUTF8 { number(of: $0, as: part) }
    return lemma.map(lexicon.text) ?? word
  }

  /// The same without strings.
  /// - Parameter word: UTF-8.
  public func appendLemma(of word: UnsafeBufferPointer<UInt8>, pos part: LemmaPart, to output: inout [UInt8]) {
    if let lemma = number(of: word, as: part) {
      append(lemma, to: &output)
    } else {
      output.append(contentsOf: word)
    }
  }

  func append(_ lemma: Int, to output: inout [UInt8]) {
    lexicon.words.withBytes(of: lemma) { output.append(contentsOf: $0) }
  }

  /// The number of the lemma in the lexicon; nil where the word stays as it is.
  func number(of word: UnsafeBufferPointer<UInt8>, as part: LemmaPart) -> Int? {
    switch part {
    case .noun: shortestLemma(of: word, as: .noun)
    case .verb: shortestLemma(of: word, as: .verb)
    case .adjective: shortestLemma(of: word, as: .adjective)
    case .adverb: shortestLemma(of: word, as: .adverb)
    case .auto: mostFrequentLemma(of: word)
    }
  }

  private func shortestLemma(of word: UnsafeBufferPointer<UInt8>, as part: PartOfSpeech) -> Int? {
    var (shortest, length) = (Int?.none, Int.max)
    lexicon.forEachLemma(of: word, as: part) { lemma in
      // The words are ASCII: as many bytes as characters. The first of the shortest, as Python's min.
      if case let bytes = lexicon.words.length(of: lemma), bytes < length { (shortest, length) = (lemma, bytes) }
    }
    return shortest
  }

  private func mostFrequentLemma(of word: UnsafeBufferPointer<UInt8>) -> Int? {
    var (best, highest) = (Int?.none, -1)
    // Words of grammar are in WordNet as what they are not: `as` is arsenic, `its` more than one IT. Only their verbs are
    // meant.
    let isStopWord = StopWords.recipe.contains(word)
    for part in PartOfSpeech.allCases where part == .verb || !isStopWord {
      lexicon.forEachLemma(of: word, as: part) { lemma in
        let frequency = lexicon.frequency(of: lemma, as: part)
        if frequency > highest, !isWrongPlural(word, of: lemma) { (best, highest) = (lemma, frequency) }
      }
    }
    return best
  }

  /// Whether the word is the lemma with an `es` behind a letter that takes an `s` alone: `nodes` and `nod`.
  private func isWrongPlural(_ word: UnsafeBufferPointer<UInt8>, of lemma: Int) -> Bool {
    let stem = word.count - 2
    guard stem > 0, lexicon.words.length(of: lemma) == stem, word[stem] == UInt8(ascii: "e"),
      word[stem + 1] == UInt8(ascii: "s")
    else { return false }
    let last = lexicon.words.withBytes(of: lemma) { $0[stem - 1] }
    return last == word[stem - 1] && !"sxzho".utf8.contains(last)
  }

  /// Other words for a lower-case word, in the order of WordNet's senses and of the words in each: nouns first, then verbs,
  /// adjectives, adverbs, as NLTK's `synsets(word)` has them, those of the word's lemmas included. Without the word itself,
  /// without repetition, in WordNet's spelling; several words with spaces between them.
  public func synonyms(of word: String, senses: Senses) -> [String] {
    var word = word
    return word.withUTF8 { word in
      var found: [String] = []
      var seen = WordTable()
      _ = seen.insert(word)
      var isDone = false
      for part in PartOfSpeech.allCases {
        lexicon.forEachLemma(of: word, as: part) { lemma in
          for offset in lexicon.senses(of: lemma, as: part) where !isDone {
            isDone = senses == .first
            guard let synset = Synset(data[part.rawIndex].bytes, at: Int(offset)) else { continue }
            for name in synset.words {
              let spelling = name.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: " ") : $0 }
              let known = seen.count
              let folded = spelling.map(\.lowercasedASCII)
              if folded.withUnsafeBufferPointer({ seen.insert($0) }) == known {
                found.append(String(decoding: spelling, as: UTF8.self))
              }
            }
          }
        }
      }
      return found
    }
  }
}

extension WordNet.PartOfSpeech {
  /// In the order of WordNet's manuals.
  @inline(__always)
  var rawIndex: Int {
    switch self {
    case .noun: 0
    case .verb: 1
    case .adjective: 2
    case .adverb: 3
    }
  }

  @inline(__always)
  var bit: UInt8 { 1 << UInt8(rawIndex) }
}

extension LemmaPart {
  init(_ part: WordNet.PartOfSpeech) {
    switch part {
    case .noun: self = .noun
    case .verb: self = .verb
    case .adjective: self = .adjective
    case .adverb: self = .adverb
    }
  }
}

extension UInt8 {
  var lowercasedASCII: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
