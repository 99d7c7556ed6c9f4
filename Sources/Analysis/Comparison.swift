/// Where the different texts of all files occur, and which are alike.
struct Comparison {
  /// Of one file, by the text's number.
  struct Places {
    /// The first row; negative where the file does not have the text.
    var first: [Int32]
    var counts: [Int32]
    /// Whether rows with this text have different labels.
    var hasConflict: [Bool]
  }

  let similar: NearDuplicates
  let areAllCompared: Bool
  let labels: [String]
  private let texts: Int

  init(_ similar: NearDuplicates, texts: DistinctTexts, labels: LabelNames) {
    self.similar = similar
    areAllCompared = texts.areAllCompared
    self.texts = texts.count
    self.labels = labels.names
  }

  func places(of file: FileScan) -> Places {
    var places = Places(
      first: Array(repeating: -1, count: texts), counts: Array(repeating: 0, count: texts),
      hasConflict: Array(repeating: false, count: texts))
    var label = [Int32](repeating: -1, count: texts)
    for (number, row) in file.rows.enumerated() where row.text >= 0 {
      let text = Int(row.text)
      if places.first[text] < 0 { places.first[text] = Int32(number) }
      places.counts[text] += 1
      guard row.label >= 0 else { continue }
      if label[text] >= 0, label[text] != row.label { places.hasConflict[text] = true }
      label[text] = row.label
    }
    return places
  }

  func reference(_ row: FileScan.Row) -> RowReference {
    RowReference(line: row.line, id: row.id, label: row.label >= 0 ? labels[Int(row.label)] : nil)
  }

  /// The first texts that `isIn` takes, each with its first rows, or with the first row of each of its labels.
  private func groups(
    _ file: FileScan, _ places: Places, onePerLabel: Bool = false, _ isIn: (Int) -> Bool
  ) -> [DuplicateFigures.Group] {
    var order: [Int: Int] = [:]
    var groups: [DuplicateFigures.Group] = []
    for row in file.rows where row.text >= 0 && isIn(Int(row.text)) {
      let text = Int(row.text)
      if order[text] == nil, groups.count < AnalysisOptions.listed {
        order[text] = groups.count
        groups.append(.init(count: Int(places.counts[text]), rows: []))
      }
      guard let group = order[text], groups[group].rows.count < AnalysisOptions.rowsOfGroup else { continue }
      let reference = reference(row)
      if onePerLabel, groups[group].rows.contains(where: { $0.label == reference.label }) { continue }
      groups[group].rows.append(reference)
    }
    return groups
  }

  func duplicates(in file: FileScan, _ places: Places) -> DuplicateFigures {
    let repeated = places.counts.filter { $0 > 1 }
    return DuplicateFigures(
      texts: repeated.count, rows: repeated.reduce(0) { $0 + Int($1) - 1 },
      groups: groups(file, places) { places.counts[$0] > 1 })
  }

  func conflicts(in file: FileScan, _ places: Places) -> ConflictFigures {
    let texts = places.hasConflict.indices.filter { places.hasConflict[$0] }
    return ConflictFigures(
      texts: texts.count, rows: texts.reduce(0) { $0 + Int(places.counts[$1]) },
      groups: groups(file, places, onePerLabel: true) { places.hasConflict[$0] })
  }

  func nearDuplicates(in file: FileScan, _ places: Places) -> NearDuplicateFigures {
    var groups = UnionFind()
    var rows: [(first: Int, second: Int, similarity: Double)] = []
    var otherLabels = 0
    for pair in similar.pairs where places.first[pair.first] >= 0 && places.first[pair.second] >= 0 {
      groups.join(pair.first, pair.second)
      let (one, other) = (Int(places.first[pair.first]), Int(places.first[pair.second]))
      let labels = (file.rows[one].label, file.rows[other].label)
      if labels.0 >= 0, labels.1 >= 0, labels.0 != labels.1 { otherLabels += 1 }
      rows.append((min(one, other), max(one, other), pair.similarity))
    }
    rows.sort { ($0.first, $0.second) < ($1.first, $1.second) }
    let counts = groups.counts()
    return NearDuplicateFigures(
      pairs: rows.count, texts: counts.members, groups: counts.groups, pairsWithOtherLabels: otherLabels,
      isComplete: similar.isComplete && areAllCompared,
      list: rows.prefix(AnalysisOptions.listed).map {
        .init(
          first: reference(file.rows[$0.first]), second: reference(file.rows[$0.second]), similarity: $0.similarity)
      })
  }

  func leakage(of file: FileScan, _ places: Places, from train: FileScan, _ trainPlaces: Places) -> LeakageFigures {
    /// The text of train that is nearest to one that train does not have.
    var nearest: [Int: (text: Int, similarity: Double)] = [:]
    for pair in similar.pairs {
      for (text, other) in [(pair.first, pair.second), (pair.second, pair.first)]
      where places.first[text] >= 0 && trainPlaces.first[text] < 0 && trainPlaces.first[other] >= 0 {
        if nearest[text].map({ $0.similarity < pair.similarity }) ?? true { nearest[text] = (other, pair.similarity) }
      }
    }
    var figures = LeakageFigures(exact: 0, near: 0, share: 0, exactList: [], nearList: [])
    for row in file.rows where row.text >= 0 {
      func leak(_ text: Int, _ similarity: Double) -> LeakageFigures.Leak {
        .init(
          row: reference(row), train: reference(train.rows[Int(trainPlaces.first[text])]), similarity: similarity)
      }
      let text = Int(row.text)
      if trainPlaces.first[text] >= 0 {
        figures.exact += 1
        if figures.exactList.count < AnalysisOptions.listed { figures.exactList.append(leak(text, 1)) }
      } else if let near = nearest[text] {
        figures.near += 1
        if figures.nearList.count < AnalysisOptions.listed { figures.nearList.append(leak(near.text, near.similarity)) }
      }
    }
    if !file.rows.isEmpty { figures.share = Double(figures.exact + figures.near) / Double(file.rows.count) }
    return figures
  }
}
