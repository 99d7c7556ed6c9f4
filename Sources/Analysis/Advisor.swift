import Report

/// Says in plain words what the figures mean for training. Warnings come first.
enum Advisor {
  /// A class with fewer rows has none in some parts of a 5-fold split, or only one.
  static let fewRows = 10
  /// The share of whole texts at which a limit is long enough.
  static let wholeTexts = 0.95

  static func advice(on figures: AnalysisFigures) -> [Advice] {
    var all: [Advice] = []
    for role in DataSetAnalysis.roles {
      guard let file = figures.files[role] else { continue }
      all += rows(file, role) + labels(file, role)
      if let leak = figures.leakage[role] { all += leakage(leak, role) }
      all += repetitions(file, role) + lengths(file, role) + words(file, role)
    }
    all += characters(figures)
    return all.filter { $0.kind == .warning } + all.filter { $0.kind == .advice }
  }

  private static func rows(_ file: FileFigures, _ role: String) -> [Advice] {
    guard file.rows > 0 else { return [Advice(.warning, "\(role) has no rows.")] }
    guard file.empty.rows > 0 else { return [] }
    return [
      Advice(
        .warning,
        "\(rows(file.empty.rows)) of \(role) \(verb(file.empty.rows, "has", "have")) no text (line \(lines(file.empty))): a model learns nothing from such rows."
      )
    ]
  }

  private static func labels(_ file: FileFigures, _ role: String) -> [Advice] {
    guard let labels = file.labels, file.rows > 0 else { return [] }
    var advice: [Advice] = []
    if labels.missing.rows > 0 {
      advice.append(
        Advice(
          .warning,
          "\(rows(labels.missing.rows)) of \(role) \(verb(labels.missing.rows, "has", "have")) no label (line \(lines(labels.missing))): training refuses them."
        ))
    }
    if let unknown = labels.unknown, !unknown.isEmpty {
      let names = unknown.keys.sorted()
      let count = unknown.values.reduce(0, +)
      advice.append(
        Advice(
          .warning,
          "\(rows(count)) of \(role) \(verb(count, "has", "have")) a label that train does not have: \(list(names))."))
    }
    guard role == "train" else { return advice }
    if labels.classes.count == 1, let only = labels.majority {
      advice.append(
        Advice(.warning, "All rows have the label \(quoted(only.label)); a classifier needs at least two labels."))
    } else if let majority = labels.majority {
      advice.append(
        Advice(
          .advice,
          "Whoever always answers \(quoted(majority.label)) is right for \(NumberText.percent(majority.share)) of the rows: that is what a model has to beat."
        ))
    }
    let rare = labels.classes.filter { $0.rows < fewRows }
    if !rare.isEmpty {
      let have = "\(rare.count) class\(rare.count == 1 ? " has" : "es have")"
      advice.append(
        Advice(
          .warning,
          "\(have) fewer than \(fewRows) rows: \(list(rare.map(\.label))). A model hardly learns them, and a score on so few rows is chance; merge them or find more rows."
        ))
    }
    return advice
  }

  private static func leakage(_ leak: LeakageFigures, _ role: String) -> [Advice] {
    guard leak.exact + leak.near > 0 else { return [] }
    let exact = "\(rows(leak.exact)) of \(role) \(verb(leak.exact, "is", "are")) in train as well"
    let near = "\(rows(leak.near)) of \(role) \(verb(leak.near, "is", "are")) nearly the same as one of train"
    let both =
      leak.near == 0 ? exact : leak.exact == 0 ? near : "\(exact), and \(NumberText.count(leak.near)) more nearly"
    return [
      Advice(
        .warning,
        "\(both) (\(NumberText.percent(leak.share))): a score on such rows says nothing about new texts. Remove them from train."
      )
    ]
  }

  private static func repetitions(_ file: FileFigures, _ role: String) -> [Advice] {
    var advice: [Advice] = []
    if let conflicts = file.conflicts, conflicts.texts > 0 {
      advice.append(
        Advice(
          .warning,
          "\(NumberText.count(conflicts.texts, "text")) of \(role) \(verb(conflicts.texts, "occurs", "occur")) with different labels (\(rows(conflicts.rows))): at most one label of each can be right."
        ))
    }
    let (duplicates, near) = (file.duplicates, file.nearDuplicates)
    if duplicates.rows > 0 {
      advice.append(
        Advice(
          .advice,
          "\(rows(duplicates.rows)) of \(role) \(verb(duplicates.rows, "repeats", "repeat")) the text of an earlier row. Copies on both sides of a split make the score too good."
        ))
    }
    if near.pairs > 0 {
      let others =
        near.pairsWithOtherLabels > 0
        ? "; \(NumberText.count(near.pairsWithOtherLabels)) of these pairs have different labels" : ""
      let least = near.isComplete ? "" : "at least "
      advice.append(
        Advice(
          .advice,
          "\(role) has \(least)\(NumberText.count(near.pairs, "pair")) of texts that are nearly the same\(others)."
        ))
    }
    return advice
  }

  private static func lengths(_ file: FileFigures, _ role: String) -> [Advice] {
    guard role == "train", file.rows > 0, let longest = file.truncation.last else { return [] }
    let enough = file.truncation.first { 1 - $0.shareCut >= wholeTexts }
    guard let enough else {
      return [
        Advice(
          .advice,
          "max_length \(longest.maxLength), the longest that was asked for, cuts \(NumberText.percent(longest.shareCut)) of the texts and loses \(NumberText.percent(longest.shareLost)) of the tokens."
        )
      ]
    }
    // The percentile of just this share.
    let least = file.together.pieces.flatMap { $0.p95 < enough.maxLength ? "; \($0.p95) would do for 95%" : nil } ?? ""
    return [
      Advice(
        .advice,
        "max_length \(enough.maxLength) keeps \(NumberText.percent(1 - enough.shareCut)) of the texts whole and \(NumberText.percent(1 - enough.shareLost)) of the tokens\(least)."
      )
    ]
  }

  private static func words(_ file: FileFigures, _ role: String) -> [Advice] {
    var advice: [Advice] = []
    if let unseen = file.vocabulary.unseen, unseen.share >= 0.05 {
      advice.append(
        Advice(
          .advice,
          "\(NumberText.percent(unseen.share)) of the words of \(role) do not occur in train: its texts may be of another kind."
        ))
    }
    if file.vocabulary.notEntered > 0 {
      advice.append(
        Advice(
          .advice,
          "\(role) has more than \(NumberText.count(file.vocabulary.different)) different words; the figures about the vocabulary leave the later ones out."
        ))
    }
    return advice
  }

  private static func characters(_ figures: AnalysisFigures) -> [Advice] {
    func advice(_ kind: Advice.Kind, _ text: String, _ of: (CharacterFigures) -> CharacterFigures.Kind) -> Advice? {
      let found: [String] = DataSetAnalysis.roles.compactMap { role in
        guard let count = figures.files[role].map({ of($0.characters) }), let line = count.firstLine else { return nil }
        return "\(rows(count.rows)) of \(role) (first in line \(line))"
      }
      return found.isEmpty ? nil : Advice(kind, "\(text): \(found.joined(separator: ", ")).")
    }
    return [
      advice(.warning, "Characters that could not be read when the file was made are U+FFFD now") { $0.replacement },
      advice(.advice, "Control characters say nothing to a model") { $0.control },
      advice(.advice, "HTML tags should go if they are not part of the texts") { $0.tags },
      advice(.advice, "HTML entities such as &amp; are read as words") { $0.entities },
    ].compactMap(\.self)
  }

  // MARK: - Words

  private static func rows(_ count: Int) -> String { NumberText.count(count, "row") }

  private static func verb(_ count: Int, _ one: String, _ more: String) -> String { count == 1 ? one : more }

  private static func lines(_ rows: RowCount) -> String {
    let shown = rows.lines.prefix(5).map(String.init).joined(separator: ", ")
    return rows.rows > 5 ? "\(shown) \u{2026}" : shown
  }

  private static func quoted(_ label: String) -> String {
    let cut = label.prefix(40)
    return "'\(cut)\(cut.count < label.count ? "\u{2026}" : "")'"
  }

  private static func list(_ labels: [String]) -> String {
    let shown = labels.prefix(8).map(quoted).joined(separator: ", ")
    return labels.count > 8 ? "\(shown) and \(labels.count - 8) more" : shown
  }
}
