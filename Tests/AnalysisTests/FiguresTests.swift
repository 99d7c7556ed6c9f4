import Analysis
import Foundation
import IntrayCore
import TestSupport
import Testing

/// Figures that were computed by hand.
@Suite struct FiguresTests {
  static let rows = [
    ["p1", "red green blue", "a"],
    ["p2", "Red green, blue gold", "b"],
    ["p3", "red green blue", "a"],
    ["p4", " \t", "b"],
    ["p5", "\nred green  blue ", "b"],
  ]

  let bench: Bench
  init() throws { bench = try Bench() }

  @Test func `rows, empty texts and classes are counted`() throws {
    let train = try #require(try bench.analyse(["train": Self.rows]).files["train"])
    #expect(train.file == "train.csv" && train.rows == 5)
    #expect(train.empty == RowCount(rows: 1, lines: [5]))
    let labels = try #require(train.labels)
    #expect(labels.classes.map(\.label) == ["b", "a"])
    #expect(labels.classes.map(\.rows) == [3, 2])
    #expect(labels.majority?.share == 0.6)
    #expect(labels.missing == RowCount())
    #expect(labels.unknown == nil)
  }

  @Test func `lengths in words have mean, percentiles and a histogram`() throws {
    let train = try #require(try bench.analyse(["train": Self.rows]).files["train"])
    // 3, 4, 3, 0 and 3 words
    let words = train.together.words
    #expect(words.rows == 5 && words.total == 13 && words.mean == 2.6)
    #expect([words.median, words.p90, words.p95, words.p99, words.max] as [Int] == [3, 4, 4, 4, 4])
    #expect(words.histogram.width == 1 && words.histogram.rows == [1, 0, 0, 3, 1] && words.histogram.above == 0)
    #expect(train.columns.map(\.column) == ["text"] && train.columns[0].lengths == train.together)
    #expect(train.together.pieces == nil && train.truncation.isEmpty && train.truncationCurve.isEmpty)
  }

  @Test func `tokens include the special ones, and each max_length says what it cuts`() throws {
    let figures = try bench.analyse(
      ["train": Self.rows], options: AnalysisOptions(maxLengths: [5, 3]),
      vocabulary: ["red", "green", "blue", "gold", ","])
    let train = try #require(figures.files["train"])
    #expect(figures.model == "tiny")
    // 3, 5, 3, 0 and 3 pieces, and [CLS] and [SEP] around them.
    #expect(train.columns[0].lengths.pieces?.total == 14)
    #expect(train.together.pieces?.total == 24 && train.together.pieces?.max == 7)
    let (three, five) = (train.truncation[0], train.truncation[1])
    #expect(three.maxLength == 3 && three.rowsCut == 4 && three.shareCut == 0.8)
    #expect(three.tokensLost == 2 + 4 + 2 + 2 && three.shareLost == 10.0 / 24)
    #expect(five.maxLength == 5 && five.rowsCut == 1 && five.tokensLost == 2)
    #expect(train.truncationCurve.first?.shareCut == 1 && train.truncationCurve.last?.shareCut == 0)
  }

  @Test func `a pair of texts is counted by column and together`() throws {
    let figures = try bench.analyse(
      ["train": [["red green", "blue"], ["red", ""]]], header: ["title", "abstract"],
      columns: Columns(text: ["title", "abstract"]), vocabulary: ["red", "green", "blue"])
    let train = try #require(figures.files["train"])
    #expect(train.columns.map(\.column) == ["title", "abstract"])
    #expect(train.columns.map(\.lengths.words.total) == [3, 1])
    #expect(train.together.words.total == 4)
    // [CLS] title [SEP] abstract [SEP]
    #expect(train.together.pieces?.total == 3 + 3 + 3 + 1)
    #expect(train.labels == nil && train.conflicts == nil)
    // Without an id column a row's id is its number.
    #expect(train.empty.rows == 0)
  }

  @Test func `the same text in other columns is another text`() throws {
    let figures = try bench.analyse(
      ["train": [["red green", "blue"], ["red", "green blue"]]], header: ["title", "abstract"],
      columns: Columns(text: ["title", "abstract"]))
    #expect(figures.files["train"]?.duplicates.rows == 0)
  }

  @Test func `texts that differ in white space only are duplicates, and conflicts where their labels differ`() throws {
    let train = try #require(try bench.analyse(["train": Self.rows]).files["train"])
    #expect(train.duplicates.texts == 1 && train.duplicates.rows == 2)
    #expect(train.duplicates.groups.map(\.count) == [3])
    #expect(
      train.duplicates.groups[0].rows == [
        RowReference(line: 2, id: "p1", label: "a"), RowReference(line: 4, id: "p3", label: "a"),
        RowReference(line: 6, id: "p5", label: "b"),
      ])
    let conflicts = try #require(train.conflicts)
    #expect(conflicts.texts == 1 && conflicts.rows == 3)
    #expect(conflicts.groups[0].rows.map(\.line) == [2, 6])
    // Half of the shingles of p2 are those of p1: that is not near.
    #expect(train.nearDuplicates.pairs == 0 && train.nearDuplicates.isComplete)
  }

  /// Forty words, all different.
  static let long = (1...40).map { "word\($0)" }

  private static func text(_ words: [String], changing place: Int? = nil) -> String {
    var words = words
    if let place { words[place] = "other" }
    return words.joined(separator: " ")
  }

  @Test func `near-duplicates are found with their similarity, groups and other labels`() throws {
    let rows = [
      ["1", Self.text(Self.long), "a"],
      ["2", Self.text(Self.long, changing: 39), "b"],
      ["3", Self.text(Self.long.reversed()), "a"],
      ["4", Self.text(Self.long, changing: 0), "a"],
      ["5", Self.text(Self.long).uppercased(), "a"],
      ["6", Self.text(Self.long), "a"],
    ]
    let near = try #require(try bench.analyse(["train": rows]).files["train"]?.nearDuplicates)
    // Of 1, 2, 4 and 5 each with each other; 6 is the same text as 1.
    #expect(near.pairs == 6 && near.texts == 4 && near.groups == 1 && near.isComplete)
    #expect(near.pairsWithOtherLabels == 3)
    #expect(
      near.list.map { [$0.first.line, $0.second.line] } == [[2, 3], [2, 5], [2, 6], [3, 5], [3, 6], [5, 6]])
    // 37 of 39 shingles; the estimate has an error.
    #expect(abs(near.list[0].similarity - 37.0 / 39) < 0.1)
    #expect(near.list[2].similarity == 1)
  }

  @Test func `rows of test that are in train, or nearly, are leaks with both lines`() throws {
    let figures = try bench.analyse([
      "train": [["1", Self.text(Self.long), "a"], ["2", "gold", "b"], ["3", "gold", "b"]],
      "test": [
        ["t1", "silver", "a"], ["t2", " gold ", "c"], ["t3", Self.text(Self.long, changing: 39), "a"],
        ["t4", "", "a"], ["t5", "gold", "b"],
      ],
      "validation": [["v1", "tin", "a"]],
    ])
    let leak = try #require(figures.leakage["test"])
    #expect(leak.exact == 2 && leak.near == 1 && leak.share == 0.6)
    #expect(
      leak.exactList.map(\.row) == [
        RowReference(line: 3, id: "t2", label: "c"), RowReference(line: 6, id: "t5", label: "b"),
      ])
    #expect(leak.exactList.allSatisfy { $0.train == RowReference(line: 3, id: "2", label: "b") && $0.similarity == 1 })
    #expect(leak.nearList.map(\.row.line) == [4] && leak.nearList.map(\.train.line) == [2])
    #expect(figures.leakage["validation"]?.share == 0)
    #expect(figures.leakage["train"] == nil)
    #expect(figures.files["test"]?.labels?.unknown == ["c": 1])
  }

  @Test func `words are counted without case, and common ones are not listed`() throws {
    let figures = try bench.analyse([
      "train": [["1", "The Cat's state-of-the-art ÉCOLE, 42 x", "a"], ["2", "the cat\u{2019}s école 中文", "a"]],
      "test": [["3", "école école dog the", "a"]],
    ])
    let words = try #require(figures.files["train"]?.vocabulary)
    // the cat's state of the art école 42 x / the cat's école 中 文
    #expect(words.words == 14 && words.different == 10 && words.once == 7 && words.notEntered == 0)
    #expect(words.top.map(\.word) == ["cat's", "école", "state", "art", "中", "文"])
    #expect(words.top.map(\.count) == [2, 2, 1, 1, 1, 1])
    #expect(words.unseen == nil)
    let unseen = try #require(figures.files["test"]?.vocabulary.unseen)
    #expect(unseen.words == 1 && unseen.different == 1 && unseen.share == 0.25)
    #expect(unseen.shareDifferent == 1.0 / 3)
    #expect(unseen.top.map(\.word) == ["dog"])
  }

  @Test func `typical words of a class are scored by their log-odds`() throws {
    let figures = try bench.analyse([
      "train": [["1", "cat cat sun the", "a"], ["2", "dog the dog", "b"], ["3", "cat", "a"], ["4", "dog sun", "b"]]
    ])
    let classes = try #require(figures.files["train"]?.labels?.classes)
    #expect(classes.map { $0.typicalWords.map(\.word) } == [["cat"], ["dog"]])
    #expect(classes[0].typicalWords[0].count == 3)
    // Of 8 listed words 3 are "cat", all of them among the 4 of class a; the prior adds 375 on both sides.
    let (here, elsewhere) = (3.0 + 375, 0.0 + 375)
    let score =
      (log(here / (4 + 1000 - here)) - log(elsewhere / (4 + 1000 - elsewhere)))
      / (1 / here + 1 / elsewhere).squareRoot()
    #expect(abs(classes[0].typicalWords[0].score - score) <= 0.005)
  }

  @Test func `odd characters are counted with their rows and the first line`() throws {
    let rows = [
      ["1", "plain: text, 1 < 2 & 3 > 2", "a"],
      ["2", "caf\u{E9} na\u{EF}ve \u{FFFD} zero\u{200B}width bell\u{7} \u{85}", "a"],
      ["3", "$x^2$ and \\alpha, \\\\ \\beta", "a"],
      ["4", "<b>bold</b> &amp; &#39; http://a.b https://c.d ftp://e", "a"],
      ["5", "more \u{7} $", "a"],
    ]
    let characters = try #require(try bench.analyse(["train": rows]).files["train"]?.characters)
    func numbers(_ kind: CharacterFigures.Kind) -> [Int?] { [kind.found, kind.rows, kind.firstLine] }
    #expect(numbers(characters.nonASCII) == [5, 1, 3])
    #expect(numbers(characters.replacement) == [1, 1, 3])
    #expect(numbers(characters.invisible) == [1, 1, 3])
    #expect(numbers(characters.control) == [3, 2, 3])
    #expect(numbers(characters.math) == [3, 2, 4])
    #expect(numbers(characters.latex) == [2, 1, 4])
    #expect(numbers(characters.tags) == [2, 1, 5])
    #expect(numbers(characters.entities) == [2, 1, 5])
    #expect(numbers(characters.links) == [2, 1, 5])
    let all = rows.reduce(0) { $0 + $1[1].unicodeScalars.count }
    #expect(characters.characters == all)
    #expect(characters.nonASCIIShare == 5 / Double(all))
  }

  @Test func `advice names what is wrong, warnings first`() throws {
    let figures = try bench.analyse(
      ["train": Self.rows, "test": [["t1", "red green blue", "z"]]], options: AnalysisOptions(maxLengths: [6, 7]),
      vocabulary: ["red", "green", "blue", "gold", ","])
    let texts = figures.advice.map(\.text)
    #expect(
      texts.contains("1 row of train has no text (line 5): a model learns nothing from such rows.")
        && texts.contains("1 row of test has a label that train does not have: 'z'."))
    #expect(texts.contains("max_length 7 keeps 100% of the texts whole and 100% of the tokens."))
    #expect(texts.contains { $0.hasPrefix("1 row of test is in train as well (100%): ") })
    #expect(texts.contains { $0.hasPrefix("1 text of train occurs with different labels (3 rows)") })
    let kinds = figures.advice.map(\.kind)
    #expect(kinds == kinds.filter { $0 == .warning } + kinds.filter { $0 == .advice })
    #expect(kinds.contains(.warning) && kinds.contains(.advice))
  }
}
