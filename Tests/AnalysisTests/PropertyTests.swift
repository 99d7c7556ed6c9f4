import Analysis
import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct PropertyTests {
  let bench: Bench
  init() throws { bench = try Bench() }

  static let vocabulary = (0..<400).map { "w\($0)" }

  @Test func `any number of threads gives the same bytes`() throws {
    let files = ["train": Bench.rows(5000, seed: 1), "test": Bench.rows(700, seed: 2)]
    let results = try [1, 2, 3, 8].map { threads in
      let figures = try bench.analyse(files, vocabulary: Self.vocabulary, threads: threads)
      return (try JSON.text(figures, pretty: true), AnalysisPage.text(figures, title: "same"))
    }
    for (figures, page) in results.dropFirst() {
      #expect(figures == results[0].0)
      #expect(page == results[0].1)
    }
  }

  @Test func `the order of the rows does not change what is counted`() throws {
    let rows = Bench.rows(3000, seed: 5)
    var random = SeededGenerator(seed: 6)
    let one = try counted(rows)
    #expect(one.duplicates.rows > 0 && one.nearDuplicates.pairs > 0 && one.empty.rows > 0)
    #expect(one.conflicts?.texts ?? 0 > 0)
    for _ in 0..<3 {
      let other = try counted(rows.shuffled(using: &random))
      #expect(other.vocabulary.top.map(\.count) == one.vocabulary.top.map(\.count))
      #expect(try JSON.text(withoutLists(other)) == JSON.text(withoutLists(one)))
    }
  }

  private func counted(_ rows: [[String]]) throws -> FileFigures {
    try #require(try bench.analyse(["train": rows], vocabulary: Self.vocabulary).files["train"])
  }

  /// The lists of examples are in the order of the rows.
  private func withoutLists(_ file: FileFigures) -> FileFigures {
    var file = file
    file.empty.lines = []
    file.duplicates.groups = []
    file.nearDuplicates.list = []
    // Which of the rows with the same text is the first decides whose label counts.
    file.nearDuplicates.pairsWithOtherLabels = 0
    file.conflicts?.groups = []
    // Words with the same count or score stand in the order of the rows.
    file.vocabulary.top = []
    for index in file.labels?.classes.indices ?? 0..<0 {
      file.labels?.classes[index].typicalWords = []
    }
    return file
  }

  /// The words of a text, and its sets of three words in a row.
  private func shingles(_ text: String) -> Set<[String]> {
    let words = text.split(separator: " ").map(String.init)
    return words.count < 3 ? [words] : Set((0..<words.count - 2).map { Array(words[$0..<$0 + 3]) })
  }

  private func similarity(_ one: Set<[String]>, _ other: Set<[String]>) -> Double {
    let both = one.intersection(other).count
    return Double(both) / Double(one.count + other.count - both)
  }

  @Test func `near-duplicates are those that comparing all pairs finds`() throws {
    let rows = Bench.rows(400, seed: 9)
    let near = try #require(
      try bench.analyse(["train": rows], options: AnalysisOptions(nearDuplicateSimilarity: 0.7)).files["train"]
    ).nearDuplicates
    let texts = Set(rows.map { $0[1] }.filter { !$0.isEmpty }).map { shingles($0) }
    var (surely, perhaps) = (0, 0)
    for one in texts.indices {
      for other in texts.indices where other > one {
        let similarity = similarity(texts[one], texts[other])
        // Four standard deviations.
        if similarity >= 0.7 + 0.16 { surely += 1 }
        if similarity >= 0.7 - 0.16 { perhaps += 1 }
      }
    }
    #expect(surely > 3)
    #expect(near.pairs >= surely && near.pairs <= perhaps)
  }

  /// Pairs of texts of `count` words, of which the last ones differ; all other texts are unlike.
  private func pairs(_ number: Int, words count: Int, different: Int, random: inout SeededGenerator) -> [[String]] {
    (0..<number).flatMap { pair in
      let words = (0..<count).map { _ in "w\(UInt32.random(in: 0...UInt32.max, using: &random))" }
      return (0..<2).map { copy in
        let own = (0..<different).map { "own\(pair)x\(copy)x\($0)" }
        return ["\(pair)", (words.dropLast(different) + own).joined(separator: " "), "a"]
      }
    }
  }

  @Test(arguments: [(200, 20), (60, 10), (30, 8)]) func `similarities are estimated without a bias`(
    words: Int, different: Int
  ) throws {
    var random = SeededGenerator(seed: 3)
    var errors: [Double] = []
    for _ in 0..<8 {
      let rows = pairs(AnalysisOptions.listed, words: words, different: different, random: &random)
      let exact = similarity(shingles(rows[0][1]), shingles(rows[1][1]))
      let near = try #require(
        try bench.analyse(["train": rows], options: AnalysisOptions(nearDuplicateSimilarity: 0.3)).files["train"]
      ).nearDuplicates
      #expect(near.pairs == AnalysisOptions.listed && near.groups == AnalysisOptions.listed)
      errors += near.list.map { $0.similarity - exact }
    }
    let mean = errors.reduce(0, +) / Double(errors.count)
    let deviation = (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
    // 160 estimates: their mean has a standard deviation of 0.0035 at most.
    #expect(abs(mean) < 0.0125, "\(mean)")
    #expect(deviation < 0.055, "\(deviation)")
  }

  @Test func `many copies of nearly the same text end soon, and the figures say that they are incomplete`() throws {
    let body = (0..<40).map { "word\($0)" }.joined(separator: " ")
    let rows = (0..<3000).map { ["\($0)", "\(body) number\($0)", "a"] }
    let near = try #require(try bench.analyse(["train": rows]).files["train"]).nearDuplicates
    #expect(!near.isComplete)
    #expect(near.pairs >= 3000 && near.groups == 1 && near.texts == 3000)
    #expect(near.list.count == AnalysisOptions.listed)
  }

  @Test(arguments: [0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100])
  func `each byte and the length change the hash`(count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
    func hash(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBufferPointer { ByteHash.of($0) } }
    let own = hash(bytes)
    #expect(hash(bytes) == own)
    #expect(hash(bytes + [0]) != own)
    for place in bytes.indices {
      for bit in 0..<8 {
        var other = bytes
        other[place] ^= 1 << bit
        #expect(hash(other) != own, "byte \(place), bit \(bit)")
      }
    }
  }
}
