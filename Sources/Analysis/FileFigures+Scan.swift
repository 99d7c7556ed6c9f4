extension FileFigures {
  /// - Parameter train: what the file is held against; nil for `train` itself.
  init(
    _ scan: FileScan, _ places: Comparison.Places, _ comparison: Comparison, train: FileScan?, maxLengths: [Int]
  ) {
    file = scan.name
    rows = scan.rows.count
    empty = scan.empty
    labels = scan.hasLabels ? LabelFigures(scan, names: comparison.labels, train: train) : nil
    func lengths(_ column: Int) -> TextLengths {
      TextLengths(
        words: LengthFigures(scan.wordLengths[column]),
        pieces: scan.pieceLengths.isEmpty ? nil : LengthFigures(scan.pieceLengths[column]))
    }
    columns = scan.columns.enumerated().map { ColumnFigures(column: $1, lengths: lengths($0)) }
    together = lengths(scan.columns.count)
    if let pieces = scan.pieceLengths.last {
      let sorted = pieces.sorted
      truncation = Set(maxLengths).sorted().map { TruncationFigures(maxLength: $0, of: sorted) }
      truncationCurve = Self.curve(to: max(together.pieces?.p99 ?? 0, maxLengths.max() ?? 0)).map {
        TruncationFigures(maxLength: $0, of: sorted)
      }
    } else {
      (truncation, truncationCurve) = ([], [])
    }
    duplicates = comparison.duplicates(in: scan, places)
    nearDuplicates = comparison.nearDuplicates(in: scan, places)
    conflicts = scan.hasLabels ? comparison.conflicts(in: scan, places) : nil
    vocabulary = VocabularyFigures(scan.vocabulary, train: train?.vocabulary)
    characters = CharacterFigures(scan.characters)
  }

  /// Some 50 limits up to `end`.
  private static func curve(to end: Int) -> [Int] {
    let step = max(1, (end + 49) / 50)
    return Array(stride(from: 0, through: max(end, 1) + step - 1, by: step))
  }
}

extension LabelFigures {
  init(_ scan: FileScan, names: [String], train: FileScan?) {
    var counts = [Int](repeating: 0, count: names.count)
    for row in scan.rows where row.label >= 0 { counts[Int(row.label)] += 1 }
    let labelled = counts.reduce(0, +)
    let typical = train == nil ? TypicalWords.find(scan.vocabulary, classes: names.count) : []
    let present = names.indices.filter { counts[$0] > 0 }.sorted { (-counts[$0], $0) < (-counts[$1], $1) }
    classes = present.map {
      Class(
        label: names[$0], rows: counts[$0], share: Double(counts[$0]) / Double(labelled),
        typicalWords: train == nil ? typical[$0] : [])
    }
    missing = scan.missingLabels
    unknown = train.map { train in
      let known = Set(train.rows.map(\.label))
      return present.filter { !known.contains(Int32($0)) }.reduce(into: [:]) { $0[names[$1], default: 0] += counts[$1] }
    }
  }
}

extension VocabularyFigures {
  private static let listed = 30

  init(_ table: WordTable, train: WordTable?) {
    words = table.total
    different = table.count
    once = table.counts.count { $0 == 1 }
    notEntered = table.notEntered
    top = Self.top(table) { _ in true }
    unseen = train.map { train in
      let isUnseen = table.index.keys.map { train.index.find($0) == nil }
      let unseen = isUnseen.indices.filter { isUnseen[$0] }
      let words = unseen.reduce(0) { $0 + table.counts[$1] }
      return Unseen(
        words: words, different: unseen.count, share: table.total > 0 ? Double(words) / Double(table.total) : 0,
        shareDifferent: table.count > 0 ? Double(unseen.count) / Double(table.count) : 0,
        top: Self.top(table) { isUnseen[$0] })
    }
  }

  /// The most frequent listed words; of equal ones the word that came first.
  private static func top(_ table: WordTable, _ isIn: (Int) -> Bool) -> [Word] {
    (0..<table.count).filter { table.isListed[$0] && isIn($0) }
      .sorted { (-table.counts[$0], $0) < (-table.counts[$1], $1) }.prefix(listed)
      .map { Word(word: table.text($0), count: table.counts[$0]) }
  }
}
