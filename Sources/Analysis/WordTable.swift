/// How often each word occurs, over all and for each class.
///
/// (1) Bounded: beyond `Limits.words` different words no new one is entered; the later ones are only counted together.
///     Which ones are entered depends on the order of the rows, not on the threads.
struct WordTable {
  enum Limits {
    static let words = 1_000_000
    /// Words with a class.
    static let pairs = 1 << 22
    /// Of a longer word only the beginning is kept, to be shown.
    static let bytes = 64
  }

  /// Words by the hash of their bytes.
  private(set) var index = HashIndex()
  private(set) var counts: [Int] = []
  /// Whether the word says something: it is no common word, no number and no single ASCII letter.
  private(set) var isListed: [Bool] = []
  private var bytes: [UInt8] = []
  private var ends: [Int] = []
  /// Listed words with their class, as `pair` makes them.
  private(set) var pairs = HashIndex()
  private(set) var pairCounts: [Int] = []
  /// All words of the texts, those included that were not entered.
  private(set) var total = 0
  private(set) var notEntered = 0
  private(set) var pairsNotEntered = 0

  /// Different words.
  var count: Int { counts.count }

  func text(_ word: Int) -> String {
    String(decoding: bytes[(word == 0 ? 0 : ends[word - 1])..<ends[word]], as: UTF8.self)
  }

  private static let classBits: UInt64 = 13

  private static func pair(_ word: Int, _ label: Int32) -> UInt64 {
    UInt64(word) << classBits | UInt64(truncatingIfNeeded: label)
  }

  /// The word and class of a pair.
  func parts(ofPair number: Int) -> (word: Int, label: Int) {
    let key = pairs.keys[number]
    return (Int(key >> Self.classBits), Int(key & (1 << Self.classBits - 1)))
  }

  /// Counts the words of a row.
  /// - Parameter label: negative for a row without one.
  mutating func add(_ words: WordScanner, label: Int32) {
    total += words.count
    for (place, hash) in words.hashes.enumerated() {
      guard let word = enter(hash, { words.bytes[words.range(place)] }) else {
        notEntered += 1
        continue
      }
      counts[word] += 1
      if label >= 0, isListed[word] { addPair(Self.pair(word, label), 1) }
    }
  }

  /// Adds what was counted elsewhere.
  mutating func add(_ other: WordTable) {
    total += other.total
    notEntered += other.notEntered
    pairsNotEntered += other.pairsNotEntered
    let numbers = other.index.keys.enumerated().map { word, hash in
      enter(hash) { other.bytes[(word == 0 ? 0 : other.ends[word - 1])..<other.ends[word]] } ?? -1
    }
    for (word, number) in numbers.enumerated() {
      if number >= 0 { counts[number] += other.counts[word] } else { notEntered += other.counts[word] }
    }
    for pair in 0..<other.pairs.count {
      let (word, label) = other.parts(ofPair: pair)
      if numbers[word] >= 0 { addPair(Self.pair(numbers[word], Int32(label)), other.pairCounts[pair]) }
    }
  }

  private mutating func addPair(_ key: UInt64, _ count: Int) {
    guard let number = pairs.enter(key, limit: Limits.pairs) else {
      pairsNotEntered += count
      return
    }
    if number == pairCounts.count { pairCounts.append(count) } else { pairCounts[number] += count }
  }

  @inline(__always)
  private mutating func enter(_ hash: UInt64, _ text: () -> ArraySlice<UInt8>) -> Int? {
    guard let word = index.enter(hash, limit: Limits.words) else { return nil }
    if word == counts.count { keep(text(), hash) }
    return word
  }

  private mutating func keep(_ text: ArraySlice<UInt8>, _ hash: UInt64) {
    counts.append(0)
    var end = text.endIndex
    if text.count > Limits.bytes {
      end = text.startIndex + Limits.bytes
      while end > text.startIndex, !TextScalars.isBoundary(text[end]) { end -= 1 }
    }
    bytes.append(contentsOf: text[text.startIndex..<end])
    ends.append(bytes.count)
    let hasLetter = text.contains { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    isListed.append(hasLetter && text.count > 1 && !CommonWords.contains(hash: hash))
  }
}
