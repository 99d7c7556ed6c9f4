extension WordNet {
  /// What the index and the exception lists say, by word.
  struct Lexicon: Sendable {
    /// A line of `index.*`.
    struct Posting {
      /// Its senses are `offsets[firstSense..<firstSense + senses]`.
      var firstSense: UInt32
      var senses: UInt32
      /// How often WordNet's corpus has the word as this part of speech: the sum over its senses in `cntlist.rev`.
      var frequency: UInt32 = 0
    }

    /// Where a word's posting and exception are, by part of speech: 0 for nothing, else a place plus 1.
    struct Entry {
      var postings: SIMD4<UInt32> = .zero
      var exceptions: SIMD4<UInt32> = .zero
    }

    private(set) var words = WordTable(minimumCapacity: 160_000)
    private(set) var entries: [Entry] = []
    /// A bit for each part of speech that a word has a posting for, and above these for exceptions: one byte to look at, not
    /// an entry.
    private var parts: [UInt8] = []
    private(set) var postings: [Posting] = []
    /// The lines of `*.exc`: the bases that are in the index as this part of speech.
    private(set) var exceptions: [[UInt32]] = []
    /// Where the synsets are in `data.*`.
    private(set) var offsets: [UInt32] = []
    /// Of all words, in bytes.
    private var longest = 0

    func text(_ word: Int) -> String { words.withBytes(of: word) { String(decoding: $0, as: UTF8.self) } }

    func posting(of word: Int, as part: PartOfSpeech) -> Posting? {
      let place = entries[word].postings[part.rawIndex]
      return place > 0 ? postings[Int(place) - 1] : nil
    }

    @inline(__always)
    func has(_ word: Int, as part: PartOfSpeech) -> Bool { parts[word] & part.bit != 0 }

    @inline(__always)
    func hasException(_ word: Int, as part: PartOfSpeech) -> Bool { parts[word] & part.bit << 4 != 0 }

    func frequency(of word: Int, as part: PartOfSpeech) -> Int {
      posting(of: word, as: part).map { Int($0.frequency) } ?? 0
    }

    func senses(of word: Int, as part: PartOfSpeech) -> ArraySlice<UInt32> {
      guard let posting = posting(of: word, as: part) else { return [] }
      return offsets[Int(posting.firstSense)..<Int(posting.firstSense + posting.senses)]
    }
  }
}

// What the files are read into.
extension WordNet.Lexicon {
  /// - Returns: false when the word is there already.
  mutating func add(
    _ word: UnsafeBufferPointer<UInt8>, as part: WordNet.PartOfSpeech, senses: [UInt32]
  ) -> Bool {
    let number = insert(word)
    guard !has(number, as: part) else { return false }
    postings.append(Posting(firstSense: UInt32(offsets.count), senses: UInt32(senses.count)))
    offsets += senses
    entries[number].postings[part.rawIndex] = UInt32(postings.count)
    parts[number] |= part.bit
    return true
  }

  /// A later line for the same form counts, as in NLTK. Bases that are not in the index say nothing.
  mutating func addException(
    _ form: UnsafeBufferPointer<UInt8>, as part: WordNet.PartOfSpeech, bases: [UnsafeBufferPointer<UInt8>]
  ) {
    let numbers = bases.compactMap { words.number(of: $0) }.filter { has($0, as: part) }
    let number = insert(form)
    exceptions.append(numbers.map { UInt32($0) })
    entries[number].exceptions[part.rawIndex] = UInt32(exceptions.count)
    parts[number] |= part.bit << 4
  }

  /// A word that is not in the index says nothing.
  mutating func count(_ word: UnsafeBufferPointer<UInt8>, as part: WordNet.PartOfSpeech, times: UInt32) {
    guard let number = words.number(of: word), has(number, as: part) else { return }
    let place = Int(entries[number].postings[part.rawIndex]) - 1
    let (sum, overflow) = postings[place].frequency.addingReportingOverflow(times)
    postings[place].frequency = overflow ? .max : sum
  }

  private mutating func insert(_ word: UnsafeBufferPointer<UInt8>) -> Int {
    let number = words.insert(word)
    if number == entries.count {
      entries.append(Entry())
      parts.append(0)
    }
    longest = max(longest, word.count)
    return number
  }
}

// NLTK's `WordNetCorpusReader._morphy`.
extension WordNet.Lexicon {
  /// An ending, and what the base form has in its place, which is never longer.
  struct Rule {
    let ending: Letters
    let replacement: Letters

    init(_ ending: StaticString, _ replacement: StaticString = "") {
      (self.ending, self.replacement) = (Letters(ending), Letters(replacement))
    }
  }

  /// At most four, the last one in the lowest byte.
  struct Letters {
    private(set) var bits: UInt32 = 0
    private(set) var mask: UInt32 = 0
    let count: Int

    init(_ text: StaticString) {
      count = text.utf8CodeUnitCount
      for place in 0..<count {
        bits = bits << 8 | UInt32(text.utf8Start[place])
        mask = mask << 8 | 0xFF
      }
    }

    @inline(__always)
    subscript(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: bits >> UInt32(8 * (count - 1 - place))) }
  }

  /// `MORPHOLOGICAL_SUBSTITUTIONS`, in NLTK's order. Adverbs have none.
  private static let nounRules = [
    Rule("s"), Rule("ses", "s"), Rule("ves", "f"), Rule("xes", "x"), Rule("zes", "z"), Rule("ches", "ch"),
    Rule("shes", "sh"), Rule("men", "man"), Rule("ies", "y"),
  ]
  private static let verbRules = [
    Rule("s"), Rule("ies", "y"), Rule("es", "e"), Rule("es"), Rule("ed", "e"), Rule("ed"), Rule("ing", "e"),
    Rule("ing"),
  ]
  private static let adjectiveRules = [Rule("er"), Rule("est"), Rule("er", "e"), Rule("est", "e")]
  private static let longestEnding = 4

  /// Calls `body` with the words that this one may be an inflection of, itself included, in NLTK's order; perhaps with one of
  /// them twice.
  @inline(__always)
  func forEachLemma(
    of word: UnsafeBufferPointer<UInt8>, as part: WordNet.PartOfSpeech, _ body: (Int) -> Void
  ) {
    guard let last = word.last, word.count <= longest + Self.longestEnding else { return }
    if let number = words.number(of: word) {
      if has(number, as: part) { body(number) }
      // Who is in the list of exceptions follows no rule.
      if hasException(number, as: part) {
        for base in exceptions[Int(entries[number].exceptions[part.rawIndex]) - 1] { body(Int(base)) }
        return
      }
    }
    switch (part, last) {
    case (.noun, UInt8(ascii: "s")), (.noun, UInt8(ascii: "n")):
      forEachBase(of: word, by: Self.nounRules, as: part, body)
    case (.verb, UInt8(ascii: "s")), (.verb, UInt8(ascii: "d")), (.verb, UInt8(ascii: "g")):
      forEachBase(of: word, by: Self.verbRules, as: part, body)
    case (.adjective, UInt8(ascii: "r")), (.adjective, UInt8(ascii: "t")):
      forEachBase(of: word, by: Self.adjectiveRules, as: part, body)
    default: break
    }
  }

  private func forEachBase(
    of word: UnsafeBufferPointer<UInt8>, by rules: [Rule], as part: WordNet.PartOfSpeech, _ body: (Int) -> Void
  ) {
    var ending: UInt32 = 0
    for byte in word.suffix(Self.longestEnding) { ending = ending << 8 | UInt32(byte) }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: word.count) { base in
      for rule in rules where ending & rule.ending.mask == rule.ending.bits && word.count >= rule.ending.count {
        let stem = word.count - rule.ending.count
        let count = stem + rule.replacement.count
        _ = base.update(from: word[..<stem])
        for place in stem..<count { base[place] = rule.replacement[place - stem] }
        if let number = words.number(of: UnsafeBufferPointer(rebasing: base[..<count])), has(number, as: part) {
          body(number)
        }
      }
    }
  }
}
