import Report

/// The figures as a page for a person: `report.html`.
public enum AnalysisPage {
  /// More classes than this are not drawn, only summed up.
  static let mostBars = 40
  static let mostClasses = 100

  /// - Parameter title: the job's name.
  public static func text(_ figures: AnalysisFigures, title: String) -> String {
    let files = DataSetAnalysis.roles.compactMap { role in figures.files[role].map { (role: role, file: $0) } }
    let names: [HTML] = files.enumerated().map { index, one in
      "\(index == 0 ? "" : ", ")\(one.role) (\(HTML.datum(one.file.file)), \(NumberText.count(one.file.rows, "row")))"
    }
    var page = Page(title: title, summary: "<p>Analysis of \(names).</p>\n\(tiles(figures))")
    page.add("What to know", id: "advice", advice(figures))
    page.add("Files", id: "files", overview(files))
    if let train = figures.files["train"] {
      if let labels = train.labels { page.add("Classes", id: "classes", classes(labels, files)) }
      page.add("Lengths", id: "lengths", lengths(train, files, hasModel: figures.model != nil))
    }
    page.add("Repeated texts", id: "repeated", repeated(figures, files))
    if !figures.leakage.isEmpty { page.add("Leakage", id: "leakage", leakage(figures, files)) }
    page.add("Words", id: "words", words(files))
    page.add("Characters", id: "characters", characters(files))
    page.add("How it is counted", id: "method", method(figures))
    return page.text
  }

  private typealias File = (role: String, file: FileFigures)

  private static func tiles(_ figures: AnalysisFigures) -> HTML {
    guard let train = figures.files["train"] else { return "" }
    var tiles = [("rows in train", NumberText.count(train.rows))]
    if let labels = train.labels, let majority = labels.majority {
      tiles.append(("classes", NumberText.count(labels.classes.count)))
      tiles.append(("share of the largest class", NumberText.percent(majority.share)))
    }
    if let pieces = train.together.pieces {
      tiles.append(("tokens a row, median", NumberText.count(pieces.median)))
      tiles.append(("tokens, 95 of 100 rows", "\u{2264} " + NumberText.count(pieces.p95)))
    } else {
      tiles.append(("words a row, median", NumberText.count(train.together.words.median)))
      tiles.append(("words, 95 of 100 rows", "\u{2264} " + NumberText.count(train.together.words.p95)))
    }
    tiles.append(("repeated rows", NumberText.count(train.duplicates.rows)))
    if let conflicts = train.conflicts {
      tiles.append(("texts with two labels", NumberText.count(conflicts.texts)))
    }
    for role in DataSetAnalysis.roles {
      guard let leak = figures.leakage[role] else { continue }
      tiles.append(("leaked rows of \(role)", NumberText.count(leak.exact + leak.near)))
    }
    return Page.tiles(tiles.map { (name: $0.0, value: $0.1) })
  }

  private static func advice(_ figures: AnalysisFigures) -> HTML {
    if figures.advice.isEmpty { return "<p>Nothing stands out.</p>\n" }
    return Page.notes(figures.advice.map { ($0.kind == .warning ? .warning : .advice, $0.text) })
  }

  // MARK: - Files

  private static func overview(_ files: [File]) -> HTML {
    func row(_ name: String, _ value: (FileFigures) -> String?) -> [HTML]? {
      let values = files.map { value($0.file) }
      if values.allSatisfy({ $0 == nil }) { return nil }
      return ["\(name)"] + values.map { "\($0 ?? "\u{2013}")" }
    }
    func count(_ number: Int?) -> String? { number.map(NumberText.count) }
    let rows = [
      row("Rows") { count($0.rows) },
      row("Rows without text") { count($0.empty.rows) },
      row("Rows without label") { count($0.labels?.missing.rows) },
      row("Classes") { count($0.labels?.classes.count) },
      row("Largest class") { $0.labels?.majority.map { NumberText.percent($0.share) } },
      row("Words a row, mean") { NumberText.decimal($0.together.words.mean, places: 1) },
      row("Tokens a row, mean") { $0.together.pieces.map { NumberText.decimal($0.mean, places: 1) } },
      row("Tokens a row, longest") { count($0.together.pieces?.max) },
      row("Rows that repeat a text") { count($0.duplicates.rows) },
      row("Pairs of nearly the same texts") {
        ($0.nearDuplicates.isComplete ? "" : "\u{2265} ") + NumberText.count($0.nearDuplicates.pairs)
      },
      row("Texts with different labels") { count($0.conflicts?.texts) },
      row("Different words") { ($0.vocabulary.notEntered > 0 ? "> " : "") + NumberText.count($0.vocabulary.different) },
      row("Words that train lacks") { $0.vocabulary.unseen.map { NumberText.percent($0.share) } },
    ]
    let columns = [Table.Column("")] + files.map { Table.Column($0.role, .number) }
    return Table(caption: "The files side by side", columns: columns, rows: rows.compactMap(\.self)).html
  }

  // MARK: - Classes

  private static func classes(_ labels: LabelFigures, _ files: [File]) -> HTML {
    guard !labels.classes.isEmpty else { return "<p>No row has a label.</p>\n" }
    let shown = labels.classes.prefix(mostBars)
    var bars = shown.map {
      BarChart.Bar(
        name: $0.label, value: Double($0.rows),
        text: "\(NumberText.count($0.rows)) (\(NumberText.percent($0.share)))")
    }
    let rest = labels.classes.dropFirst(mostBars)
    if !rest.isEmpty {
      let rows = rest.reduce(0) { $0 + $1.rows }
      bars.append(
        BarChart.Bar(
          name: "\(NumberText.count(rest.count)) more", value: Double(rows), text: NumberText.count(rows)))
    }
    let chart = BarChart(
      id: "class-rows", title: "Rows of each class", subtitle: "train, with their share of the labelled rows",
      bars: bars)
    let others = files.filter { $0.role != "train" && $0.file.labels != nil }
    let shares = others.map { one in
      Dictionary((one.file.labels?.classes ?? []).map { ($0.label, $0.share) }) { first, _ in first }
    }
    let rows: [[HTML]] = labels.classes.prefix(mostClasses).map { one in
      let words: [HTML] = one.typicalWords.enumerated().map {
        "\($0 == 0 ? "" : ", ")\(HTML.datum($1.word))"
      }
      return [HTML.datum(one.label), "\(NumberText.count(one.rows))", "\(NumberText.percent(one.share))"]
        + shares.map { "\(NumberText.percent($0[one.label] ?? 0))" } + ["\(words)"]
    }
    let table = Table(
      caption: "What is typical of a class",
      columns: [Table.Column("Class"), Table.Column("Rows", .number), Table.Column("train", .number)]
        + others.map { Table.Column($0.role, .number) } + [Table.Column("Typical words", .prose)],
      rows: rows)
    let more: HTML =
      labels.classes.count > mostClasses
      ? "<p class=\"soft\">\(labels.classes.count - mostClasses) more classes are in analysis.json.</p>\n" : ""
    return "\(chart.html)\(table.html)\(more)"
  }

  // MARK: - Lengths

  private static func lengths(_ train: FileFigures, _ files: [File], hasModel: Bool) -> HTML {
    guard train.rows > 0 else { return "<p>There are no rows.</p>\n" }
    let figures = train.together.pieces ?? train.together.words
    let unit = train.together.pieces == nil ? "words" : "tokens"
    let marks = train.truncation.map { ChartMark(Double($0.maxLength), "\($0.maxLength)") }
    let histogram = self.histogram(
      figures, id: "lengths-chart", title: "Length of the rows", unit: unit,
      subtitle: train.truncation.isEmpty ? "train" : "train; dotted: max_length", marks: marks)
    var charts = [histogram]
    if !train.truncationCurve.isEmpty {
      let points = train.truncationCurve
      charts.append(
        LineChart(
          id: "truncation-chart", title: "What a max_length keeps", subtitle: "train; dotted: max_length",
          xName: "max_length",
          series: [
            .init(name: "rows kept whole", points: points.map { (Double($0.maxLength), 1 - $0.shareCut) }),
            .init(name: "tokens kept", points: points.map { (Double($0.maxLength), 1 - $0.shareLost) }),
          ], marks: marks, yRange: 0...1, yText: { NumberText.decimal($0 * 100, places: 1) + "%" }
        ).html)
    }
    if train.columns.count > 1 {
      for (index, column) in train.columns.enumerated() {
        charts.append(
          self.histogram(
            column.lengths.pieces ?? column.lengths.words, id: "lengths-\(index)", title: "Length of \(column.column)",
            unit: unit, subtitle: "train", marks: []))
      }
    }
    var rows: [[HTML]] = []
    for (role, file) in files {
      let parts = file.columns.count > 1 ? file.columns.map { ($0.column, $0.lengths) } : []
      for (name, lengths) in parts + [(file.columns.count > 1 ? "together" : file.columns[0].column, file.together)] {
        for (unit, figures) in [("words", lengths.words)] + (lengths.pieces.map { [("tokens", $0)] } ?? []) {
          rows.append(
            ["\(role)", HTML.datum(name), "\(unit)", "\(NumberText.decimal(figures.mean, places: 1))"]
              + [figures.median, figures.p90, figures.p95, figures.p99, figures.max].map { "\(NumberText.count($0))" })
        }
      }
    }
    let table = Table(
      caption: "Lengths",
      columns: [Table.Column("File"), Table.Column("Text"), Table.Column("In")]
        + ["Mean", "Median", "90%", "95%", "99%", "Longest"].map { Table.Column($0, .number) },
      rows: rows)
    let truncation = Table(
      caption: "What each max_length cuts",
      columns: [Table.Column("max_length", .number)]
        + files.flatMap {
          ["\($0.role): rows cut", "share", "tokens lost"].map { Table.Column($0, .number) }
        },
      rows: train.truncation.indices.map { index in
        ["\(train.truncation[index].maxLength)"]
          + files.flatMap { one -> [HTML] in
            let cut = one.file.truncation[index]
            return [
              "\(NumberText.count(cut.rowsCut))", "\(NumberText.percent(cut.shareCut))",
              "\(NumberText.percent(cut.shareLost))",
            ]
          }
      })
    let hint: HTML =
      hasModel ? "" : "<p class=\"soft\">Name a model to count its tokens and what a max_length cuts.</p>\n"
    return "\(Page.row(charts))\(hint)\(table.html)\(train.truncation.isEmpty ? "" : truncation.html)"
  }

  private static func histogram(
    _ figures: LengthFigures, id: String, title: String, unit: String, subtitle: String, marks: [ChartMark]
  ) -> HTML {
    let histogram = figures.histogram
    let above =
      histogram.above > 0
      ? "; \(NumberText.count(histogram.above)) longer rows, up to \(NumberText.count(figures.max)), are not drawn" : ""
    return HistogramChart(
      id: id, title: title, subtitle: subtitle + above, xName: unit, yName: "rows", binWidth: histogram.width,
      counts: histogram.rows, marks: marks
    ).html
  }

  // MARK: - Repeated texts and leakage

  private static func reference(_ row: RowReference) -> HTML {
    let label: HTML = row.label.map { " <small>(\(HTML.datum($0)))</small>" } ?? ""
    return "\(HTML.datum(row.id))\(label)"
  }

  private static func repeated(_ figures: AnalysisFigures, _ files: [File]) -> HTML {
    var parts: [HTML] = []
    for (role, file) in files {
      if let conflicts = file.conflicts, conflicts.texts > 0 {
        parts.append(
          groups(
            conflicts.groups,
            caption: "\(role): \(NumberText.count(conflicts.texts, "text")) with different labels", of: conflicts.texts)
        )
      }
      if file.duplicates.texts > 0 {
        parts.append(
          groups(
            file.duplicates.groups,
            caption: "\(role): \(NumberText.count(file.duplicates.texts, "text")) more than once",
            of: file.duplicates.texts))
      }
      let near = file.nearDuplicates
      if near.pairs > 0 {
        let least = near.isComplete ? "" : "at least "
        parts.append(
          Table(
            caption:
              "\(role): \(least)\(NumberText.count(near.pairs, "pair")) of nearly the same texts, in \(NumberText.count(near.groups, "group"))",
            columns: [
              Table.Column("Line", .number), Table.Column("Row"), Table.Column("Line", .number),
              Table.Column("Row"), Table.Column("Similarity", .number),
            ],
            rows: near.list.map {
              [
                "\($0.first.line)", reference($0.first), "\($0.second.line)", reference($0.second),
                "\(NumberText.percent($0.similarity))",
              ]
            }
          ).html)
        parts.append(listed(near.list.count, of: near.pairs))
      }
    }
    return parts.isEmpty ? "<p>No text is repeated.</p>\n" : "\(parts)"
  }

  private static func groups(_ groups: [DuplicateFigures.Group], caption: String, of count: Int) -> HTML {
    let table = Table(
      caption: caption,
      columns: [Table.Column("Line", .number), Table.Column("Times", .number), Table.Column("Rows", .prose)],
      rows: groups.map { group in
        let rows: [HTML] = group.rows.enumerated().map { index, row in
          "\(index == 0 ? "" : "; ")line \(row.line): \(reference(row))"
        }
        let more: HTML = group.count > group.rows.count ? "; \u{2026}" : ""
        return ["\(group.rows.first?.line ?? 0)", "\(group.count)", "\(rows)\(more)"]
      })
    return "\(table.html)\(listed(groups.count, of: count))"
  }

  private static func listed(_ shown: Int, of count: Int) -> HTML {
    count > shown ? "<p class=\"soft\">The first \(shown) of \(NumberText.count(count)).</p>\n" : ""
  }

  private static func leakage(_ figures: AnalysisFigures, _ files: [File]) -> HTML {
    let parts: [HTML] = files.compactMap { role, _ in
      guard let leak = figures.leakage[role] else { return nil }
      guard leak.exact + leak.near > 0 else { return "<p>No row of \(role) is in train, nor nearly so.</p>\n" }
      let all = leak.exactList + leak.nearList
      let table = Table(
        caption:
          "\(role): \(NumberText.count(leak.exact, "row")) of train, \(NumberText.count(leak.near)) nearly (\(NumberText.percent(leak.share)) together)",
        columns: [
          Table.Column("Line", .number), Table.Column("Row of \(role)"), Table.Column("Line", .number),
          Table.Column("Row of train"), Table.Column("Similarity", .number),
        ],
        rows: all.map {
          [
            "\($0.row.line)", reference($0.row), "\($0.train.line)", reference($0.train),
            "\(NumberText.percent($0.similarity))",
          ]
        })
      return "\(table.html)\(listed(all.count, of: leak.exact + leak.near))"
    }
    return "\(parts)"
  }

  // MARK: - Words and characters

  private static func words(_ files: [File]) -> HTML {
    var charts: [HTML] = []
    for (role, file) in files {
      let words = file.vocabulary
      if role == "train", !words.top.isEmpty {
        charts.append(
          bars(
            words.top.prefix(20), id: "top-words", title: "Most frequent words",
            subtitle: "train, without common words, numbers and single letters"))
      }
      if let unseen = words.unseen, !unseen.top.isEmpty {
        charts.append(
          bars(
            unseen.top.prefix(20), id: "unseen-\(role)", title: "Words of \(role) that train lacks",
            subtitle:
              "\(NumberText.percent(unseen.share)) of its words, \(NumberText.percent(unseen.shareDifferent)) of the different ones"
          ))
      }
    }
    let table = Table(
      caption: "Vocabulary",
      columns: [Table.Column("File")]
        + ["Words", "Different", "Once only", "That train lacks"].map { Table.Column($0, .number) },
      rows: files.map { role, file in
        let words = file.vocabulary
        return [
          "\(role)", "\(NumberText.count(words.words))",
          "\(words.notEntered > 0 ? "> " : "")\(NumberText.count(words.different))", "\(NumberText.count(words.once))",
          "\(words.unseen.map { NumberText.count($0.different) } ?? "\u{2013}")",
        ]
      })
    return "\(table.html)\(Page.row(charts))"
  }

  private static func bars(
    _ words: ArraySlice<VocabularyFigures.Word>, id: String, title: String, subtitle: String
  ) -> HTML {
    BarChart(
      id: id, title: title, subtitle: subtitle,
      bars: words.map { .init(name: $0.word, value: Double($0.count), text: NumberText.count($0.count)) }
    ).html
  }

  private static func characters(_ files: [File]) -> HTML {
    let kinds: [(name: String, of: (CharacterFigures) -> CharacterFigures.Kind)] = [
      ("Beyond ASCII", { $0.nonASCII }), ("Control characters", { $0.control }),
      ("Invisible ones (soft hyphen, zero width)", { $0.invisible }), ("U+FFFD, unreadable before", { $0.replacement }),
      ("$ (mathematics)", { $0.math }), ("\\command (LaTeX)", { $0.latex }), ("HTML tags", { $0.tags }),
      ("HTML entities", { $0.entities }), ("Links", { $0.links }),
    ]
    let rows: [[HTML]] = kinds.map { kind in
      ["\(kind.name)"]
        + files.flatMap { one -> [HTML] in
          let count = kind.of(one.file.characters)
          let share = one.file.rows > 0 ? Double(count.rows) / Double(one.file.rows) : 0
          return [
            "\(NumberText.count(count.found))", "\(NumberText.percent(share))",
            "\(count.firstLine.map { "\($0)" } ?? "\u{2013}")",
          ]
        }
    }
    return Table(
      caption: "Characters that a model may stumble over",
      columns: [Table.Column("")]
        + files.flatMap { ["\($0.role): found", "rows", "first line"].map { Table.Column($0, .number) } },
      rows: rows
    ).html
  }

  // MARK: - Method

  private static func method(_ figures: AnalysisFigures) -> HTML {
    let tokens: HTML =
      figures.model.map { "Tokens are counted with the tokenizer of \(HTML.datum($0)), special tokens included. " }
      ?? ""
    return """
      <p>A word is a run of letters, digits and marks, in lower case. \(tokens)Percentiles are lengths that so many \
      percent of the rows do not exceed.</p>
      <p>Texts are the same when they differ in white space only. They are nearly the same when their sets of three \
      words in a row overlap by \(NumberText.percent(figures.nearDuplicateSimilarity)) or more (Jaccard similarity, \
      estimated from 128 hashes with an error of about 4 points); rows with the same text count as one there.</p>
      <p>Typical words have the highest log-odds against all other classes, in standard deviations and with a prior of \
      1,000 words (Monroe, Colaresi and Quinn, 2008).</p>
      <p>All figures, and more examples, are in analysis.json.</p>

      """
  }
}
