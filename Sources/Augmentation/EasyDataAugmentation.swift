import Tensors
import Text

/// The four operations of Wei and Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text
/// Classification Tasks" (2019).
///
/// (1) What comes out depends on the text, the rate and the random numbers only.
/// (2) What is no word stays where it is: numbers in formulas, punctuation, line breaks.
/// (3) Reserved words, and commands of LaTeX, are never deleted, replaced or moved; stop words are never replaced, and nothing is looked up for them.
public struct EasyDataAugmentation: Sendable {
  public enum Operation: String, Sendable, Codable, CaseIterable {
    /// Each word is left out with the probability `rate`; one always stays.
    case deletion
    /// `rate` times the number of words, two words change places.
    case swap
    /// `rate` times the number of words, a synonym of one of the text's words comes in anywhere.
    case insertion
    /// `rate` times the number of words, a word that is no stop word becomes a synonym, wherever it stands.
    case synonym
  }

  private let thesaurus: any Thesaurus
  private let stopWords: StopWords
  private let reserved: StopWords

  /// - Parameter reserved: lower-case words.
  public init(thesaurus: any Thesaurus, stopWords: StopWords = .recipe, reserved: [String] = []) {
    self.thesaurus = thesaurus
    self.stopWords = stopWords
    self.reserved = StopWords(reserved)
  }

  /// The changed text, and how many words were left out, pairs swapped, words brought in, or words replaced; the text as it
  /// is and 0 where nothing can be changed.
  ///
  /// - Parameter rate: the share of the words, 0...1; at least one word is meant, as in the paper.
  public func apply(
    _ operation: Operation, rate: Double, to text: String, random: inout CounterRandom
  ) -> (text: String, edits: Int) {
    var words = WordText(text)
    if words.words.isEmpty { return (text, 0) }
    let wanted = max(1, Int(rate * Double(words.words.count)))
    let edits =
      switch operation {
      case .deletion: delete(rate, &words, &random)
      case .swap: swap(wanted, &words, &random)
      case .insertion: insert(wanted, &words, &random)
      case .synonym: replace(wanted, &words, &random)
      }
    return edits == 0 ? (text, 0) : (words.text, edits)
  }

  private func delete(_ rate: Double, _ words: inout WordText, _ random: inout CounterRandom) -> Int {
    var isRemoved = words.words.indices.map { random.nextUniform() < rate && isFree($0, words) }
    if !isRemoved.contains(false) { isRemoved[random.nextInt(below: isRemoved.count)] = false }
    let count = isRemoved.count { $0 }
    if count > 0 { words.remove { isRemoved[$0] } }
    return count
  }

  private func swap(_ wanted: Int, _ words: inout WordText, _ random: inout CounterRandom) -> Int {
    let places = words.words.indices.filter { isFree($0, words) }
    guard places.count > 1 else { return 0 }
    for _ in 0..<wanted {
      let first = random.nextInt(below: places.count)
      let second = (first + 1 + random.nextInt(below: places.count - 1)) % places.count
      words.swap(places[first], places[second])
    }
    return wanted
  }

  private func insert(_ wanted: Int, _ words: inout WordText, _ random: inout CounterRandom) -> Int {
    var edits = 0
    for _ in 0..<wanted {
      // As in the paper's program: ten tries to meet a word that has synonyms.
      for _ in 0..<10 {
        let index = random.nextInt(below: words.words.count)
        guard words.withWord(index, Self.isPlain), let synonyms = synonyms(of: words.word(index).lowercased()) else {
          continue
        }
        let place = random.nextInt(below: words.words.count + 1)
        // Not between a backslash and its command.
        if place < words.words.count, words.isCommand(place) { continue }
        words.insert(synonyms[random.nextInt(below: synonyms.count)], at: place)
        edits += 1
        break
      }
    }
    return edits
  }

  private func replace(_ wanted: Int, _ words: inout WordText, _ random: inout CounterRandom) -> Int {
    var places: [String: [Int]] = [:]
    var distinct: [String] = []
    for index in words.words.indices where !words.isCommand(index) {
      guard words.withWord(index, Self.isPlain) else { continue }
      let lower = words.word(index).lowercased()
      if places[lower] == nil { distinct.append(lower) }
      places[lower, default: []].append(index)
    }
    var edits = 0
    var replaced = 0
    for pick in random.shuffle(distinct.count) {
      if replaced == wanted { break }
      let word = distinct[pick]
      guard let synonyms = synonyms(of: word) else { continue }
      let synonym = synonyms[random.nextInt(below: synonyms.count)]
      for index in places[word, default: []] {
        words.replace(index, by: Self.cased(synonym, as: words.word(index)))
        edits += 1
      }
      replaced += 1
    }
    return edits
  }

  /// Whether a word may go or move.
  private func isFree(_ index: Int, _ words: WordText) -> Bool {
    !words.isCommand(index) && (reserved.isEmpty || !words.withWord(index, reserved.contains))
  }

  /// nil for stop words, reserved words, and words without synonyms.
  ///
  /// - Parameter word: plain, in lower case.
  private func synonyms(of word: String) -> [String]? {
    if stopWords.contains(word[...]) || reserved.contains(word[...]) { return nil }
    let synonyms = thesaurus.synonyms(of: word)
    return synonyms.isEmpty ? nil : synonyms
  }

  /// ASCII letters, of which only the first may be a capital: CNN and LaTeX are names, whatever WordNet has under "cnn".
  private static func isPlain(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
    word.dropFirst().allSatisfy { (0x61...0x7A).contains($0) }
      && word.first.map { (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) } ?? true
  }

  /// With a capital where the word that it stands for has one.
  private static func cased(_ synonym: String, as word: String) -> String {
    guard let first = word.utf8.first, first < 0x61 else { return synonym }
    return synonym.prefix(1).uppercased() + synonym.dropFirst()
  }
}

/// Words that may stand for others.
public protocol Thesaurus: Sendable {
  /// Without the word itself. The same list for the same word, always.
  func synonyms(of word: String) -> [String]
}
