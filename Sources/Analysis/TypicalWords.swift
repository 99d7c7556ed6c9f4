import Foundation

/// Words by which a class differs from all others: log-odds with an informative Dirichlet prior, in standard deviations
/// (Monroe, Colaresi and Quinn, "Fightin' Words", 2008, formulas 15 to 22).
///
/// A word's score is the difference of its log-odds in the class and in the rest, divided by its standard deviation. The
/// prior is a text of `priorWords` words with the frequencies of the whole file: without it, words that occur once
/// would win.
enum TypicalWords {
  static let priorWords = 1000.0
  static let perClass = 10

  /// The words of each class, the most typical first.
  static func find(_ table: WordTable, classes: Int) -> [[TypicalWord]] {
    var all = 0.0
    for word in 0..<table.count where table.isListed[word] { all += Double(table.counts[word]) }
    var totals = [Double](repeating: 0, count: classes)
    for pair in 0..<table.pairs.count { totals[table.parts(ofPair: pair).label] += Double(table.pairCounts[pair]) }
    var found = [[(word: Int, count: Int, score: Double)]](repeating: [], count: classes)
    for pair in 0..<table.pairs.count {
      let (word, label) = table.parts(ofPair: pair)
      let count = table.pairCounts[pair]
      let prior = priorWords * Double(table.counts[word]) / all
      let here = Double(count) + prior
      let elsewhere = Double(table.counts[word] - count) + prior
      let odds = log(here / (totals[label] + priorWords - here))
      let otherOdds = log(elsewhere / (all - totals[label] + priorWords - elsewhere))
      let score = (odds - otherOdds) / (1 / here + 1 / elsewhere).squareRoot()
      // In a file of one word all others are none.
      guard score.isFinite, score > 0 else { continue }
      keep((word, count, score), in: &found[label])
    }
    return found.map { words in
      words.map { TypicalWord(word: table.text($0.word), count: $0.count, score: ($0.score * 100).rounded() / 100) }
    }
  }

  /// Keeps the best ones, sorted; of equal ones the word that came first.
  private static func keep(
    _ one: (word: Int, count: Int, score: Double), in best: inout [(word: Int, count: Int, score: Double)]
  ) {
    func isBetter(_ a: (word: Int, count: Int, score: Double), _ b: (word: Int, count: Int, score: Double)) -> Bool {
      (-a.score, a.word) < (-b.score, b.word)
    }
    if best.count == perClass, let last = best.last, !isBetter(one, last) { return }
    best.insert(one, at: best.firstIndex { isBetter(one, $0) } ?? best.count)
    if best.count > perClass { best.removeLast() }
  }
}
