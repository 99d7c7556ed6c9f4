import IntrayCore

/// Translates with a phrase table: a beam over the text from left to right, without reordering (decision 29).
///
/// (1) A hypothesis' score is the sum of log p(translation | phrase) over its phrases, less `wordPenalty` for each word
///     that it writes. A word that is in no phrase alone may be kept as it is, which costs as much as a probability of
///     `e^-10`; punctuation is kept for nothing.
/// (2) Phrases are found in lower case. The translation gets a capital first letter where the phrase had one. Space,
///     and what is kept, stay byte for byte.
/// (3) The same text gives the same translations in the same order: equal scores are told apart by the order in which
///     they were made.
public struct PhraseDecoder: Sendable {
  public struct Translation: Sendable, Equatable {
    public var text: String
    public var score: Double
  }

  public static let defaultBeam = 8
  public static let defaultWordPenalty = 0.1
  private static let keptWord = -10.0
  /// A sentence without an end is cut.
  private static let longestSentence = 256

  public let table: PhraseTable
  public let beam: Int
  public let wordPenalty: Double

  /// - Parameter beam: hypotheses that are kept at each place, and translations that are given; at least 1.
  public init(
    _ table: PhraseTable, beam: Int = PhraseDecoder.defaultBeam,
    wordPenalty: Double = PhraseDecoder.defaultWordPenalty
  ) {
    self.table = table
    self.beam = max(1, beam)
    self.wordPenalty = wordPenalty
  }

  /// The best translation of a text, sentence by sentence.
  public func translate(_ text: String) throws -> String {
    try Self.sentences(of: text).map { try translations(of: $0)[0].text }.joined()
  }

  /// A text's sentences, each with the space before it; together they are the text but for space at its end.
  static func sentences(of text: String) -> [String] {
    var text = text
    return text.withUTF8 { bytes in
      var pieces = PhraseText()
      pieces.cut(bytes)
      var sentences: [String] = []
      var (start, first) = (0, 0)
      for (index, token) in pieces.tokens.enumerated() {
        let next = index + 1
        let isEnd = token.range.count == 1 && ".!?".utf8.contains(bytes[token.range.lowerBound])
        guard next == pieces.tokens.count || (isEnd && pieces.tokens[next].isSpaced) || next - first == longestSentence
        else { continue }
        sentences.append(
          String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<token.range.upperBound]), as: UTF8.self))
        (start, first) = (token.range.upperBound, next)
      }
      return sentences
    }
  }

  /// What leads to a place in the text.
  private struct Hypothesis {
    var score: Double
    /// Of all that was written, whatever the phrases.
    var hash: UInt64
    /// The place before the last phrase, and which hypothesis there.
    var start: Int
    var parent: Int
    /// nil where the text is kept.
    var target: TranslationIndex.Target?
  }

  /// The translations of one sentence, best first: at least one, at most `beam`, all different.
  public func translations(of sentence: String) throws -> [Translation] {
    var sentence = sentence
    return try sentence.withUTF8 { bytes in try withExtendedLifetime(table) { try translations(of: bytes) } }
  }

  private func translations(of bytes: UnsafeBufferPointer<UInt8>) throws -> [Translation] {
    var pieces = PhraseText()
    pieces.cut(bytes)
    let tokens = pieces.tokens
    // The hypotheses at each place between the pieces.
    var stacks = [[Hypothesis]](repeating: [], count: tokens.count + 1)
    stacks[0] = [Hypothesis(score: 0, hash: 0xcbf2_9ce4_8422_2325, start: 0, parent: 0, target: nil)]
    for start in tokens.indices {
      prune(&stacks[start])
      for end in start + 1...max(start + 1, min(tokens.count, start + table.index.longestKey)) {
        let span = tokens[start].normalized.lowerBound..<tokens[end - 1].normalized.upperBound
        let entry = try pieces.normalized.withUnsafeBytes {
          try table.index.find(UnsafeRawBufferPointer(rebasing: $0[span]))
        }
        if let entry {
          for target in try table.index.targets(of: entry, limit: beam) {
            let gain = Double(Float(bitPattern: target.value)) - wordPenalty * Double(Self.words(target.text))
            extend(&stacks, from: start, to: end, gain: gain, text: target.text, target: target)
          }
        } else if end == start + 1 {
          let gain = tokens[start].isWord ? Self.keptWord - wordPenalty : 0
          let text = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[tokens[start].range]))
          extend(&stacks, from: start, to: end, gain: gain, text: text, target: nil)
        }
      }
    }
    prune(&stacks[tokens.count])
    var translations: [Translation] = []
    for hypothesis in stacks[tokens.count] {
      let text = written(hypothesis, at: tokens.count, stacks, tokens, bytes)
      if translations.contains(where: { $0.text.utf8.elementsEqual(text.utf8) }) { continue }
      translations.append(Translation(text: text, score: hypothesis.score))
    }
    return translations
  }

  private func extend(
    _ stacks: inout [[Hypothesis]], from start: Int, to end: Int, gain: Double, text: UnsafeRawBufferPointer,
    target: TranslationIndex.Target?
  ) {
    for (parent, before) in stacks[start].enumerated() {
      // FNV-1a: the same whether a text was written in one piece or in several.
      var hash = before.hash
      for byte in text { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      hash = (hash ^ 0x20) &* 0x100_0000_01b3
      stacks[end].append(
        Hypothesis(score: before.score + gain, hash: hash, start: start, parent: parent, target: target))
    }
    if stacks[end].count > 64 * beam { prune(&stacks[end]) }
  }

  /// Keeps the best that differ in what they have written.
  private func prune(_ stack: inout [Hypothesis]) {
    let order = stack.indices.sorted { one, other in
      stack[one].score != stack[other].score ? stack[one].score > stack[other].score : one < other
    }
    var seen: Set<UInt64> = []
    var kept: [Hypothesis] = []
    for index in order where seen.insert(stack[index].hash).inserted {
      kept.append(stack[index])
      if kept.count == beam { break }
    }
    stack = kept
  }

  /// The text of a hypothesis with the text's own space and capitals.
  private func written(
    _ last: Hypothesis, at end: Int, _ stacks: [[Hypothesis]], _ tokens: [PhraseText.Token],
    _ bytes: UnsafeBufferPointer<UInt8>
  ) -> String {
    var way: [(hypothesis: Hypothesis, end: Int)] = []
    var (hypothesis, place) = (last, end)
    while place > 0 {
      way.append((hypothesis, place))
      place = hypothesis.start
      hypothesis = stacks[place][hypothesis.parent]
    }
    func text(_ range: Range<Int>) -> String {
      String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    }
    var result = ""
    for (hypothesis, end) in way.reversed() {
      let start = hypothesis.start
      result += text((start == 0 ? 0 : tokens[start - 1].range.upperBound)..<tokens[start].range.lowerBound)
      let source = tokens[start].range.lowerBound..<tokens[end - 1].range.upperBound
      guard let target = hypothesis.target else {
        result += text(source)
        continue
      }
      let first = tokens[start..<end].first(where: \.isWord).map { text($0.range) }
      let isCapital = first?.unicodeScalars.first?.properties.isUppercase == true
      result += isCapital ? Self.capitalized(target.string) : target.string
    }
    return result
  }

  /// With a capital first letter, whatever stands before it.
  private static func capitalized(_ text: String) -> String {
    guard let index = text.firstIndex(where: \.isLetter) else { return text }
    return text[..<index] + text[index].uppercased() + text[text.index(after: index)...]
  }

  private static func words(_ text: UnsafeRawBufferPointer) -> Int { text.count { $0 == UInt8(ascii: " ") } + 1 }
}
