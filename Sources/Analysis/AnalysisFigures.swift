/// What an analysis found: `analysis.json`. docs/analyze.md describes each key.
///
/// (1) It depends on the files and the options only: not on threads, time or machine.
public struct AnalysisFigures: Sendable, Equatable, Codable {
  /// By role: `train`, `validation`, `test`.
  public var files: [String: FileFigures]
  /// Rows of the other files that are in `train`.
  public var leakage: [String: LeakageFigures]
  public var advice: [Advice]
  /// What was asked for.
  public var nearDuplicateSimilarity: Double
  /// nil where no tokenizer was given.
  public var model: String?

  enum CodingKeys: String, CodingKey {
    case files, leakage, advice, model
    case nearDuplicateSimilarity = "near_duplicate_similarity"
  }
}

/// A row, for a person to find it.
public struct RowReference: Sendable, Equatable, Codable {
  /// Where it starts in the file, from 1.
  public var line: Int
  /// Long ones are cut.
  public var id: String
  public var label: String?

  public init(line: Int, id: String, label: String? = nil) {
    self.line = line
    self.id = id
    self.label = label
  }
}

/// How many rows, and which ones first.
public struct RowCount: Sendable, Equatable, Codable {
  public var rows: Int
  /// The first ones, `AnalysisOptions.listed` at most.
  public var lines: [Int]

  public init(rows: Int = 0, lines: [Int] = []) {
    self.rows = rows
    self.lines = lines
  }

  mutating func add(line: Int) {
    rows += 1
    if lines.count < AnalysisOptions.listed { lines.append(line) }
  }
}

public struct FileFigures: Sendable, Equatable, Codable {
  public var file: String
  public var rows: Int
  /// Rows without any text.
  public var empty: RowCount
  /// nil where the file has no labels.
  public var labels: LabelFigures?
  /// Of each text column.
  public var columns: [ColumnFigures]
  /// Of all text columns together. Pieces include the special tokens, as a model's limit does.
  public var together: TextLengths
  /// One for each of `max_lengths`; empty without a tokenizer.
  public var truncation: [TruncationFigures]
  /// The same for many limits, for a curve.
  public var truncationCurve: [TruncationFigures]
  public var duplicates: DuplicateFigures
  public var nearDuplicates: NearDuplicateFigures
  /// nil where the file has no labels.
  public var conflicts: ConflictFigures?
  public var vocabulary: VocabularyFigures
  public var characters: CharacterFigures

  enum CodingKeys: String, CodingKey {
    case file, rows, empty, labels, columns, together, truncation, duplicates, conflicts, vocabulary, characters
    case truncationCurve = "truncation_curve"
    case nearDuplicates = "near_duplicates"
  }
}

public struct LabelFigures: Sendable, Equatable, Codable {
  public struct Class: Sendable, Equatable, Codable {
    public var label: String
    public var rows: Int
    /// Of the labelled rows.
    public var share: Double
    /// Words that are more frequent here than in the other classes, the most typical first; of `train` only.
    public var typicalWords: [TypicalWord]

    enum CodingKeys: String, CodingKey {
      case label, rows, share
      case typicalWords = "typical_words"
    }
  }

  /// The most frequent first.
  public var classes: [Class]
  /// Rows whose label is empty.
  public var missing: RowCount
  /// Labels that `train` does not have, with their rows; nil for `train` itself.
  public var unknown: [String: Int]?

  /// The most frequent class.
  public var majority: Class? { classes.first }
}

public struct TypicalWord: Sendable, Equatable, Codable {
  public var word: String
  /// In this class.
  public var count: Int
  /// Log-odds in standard deviations.
  public var score: Double
}

public struct TextLengths: Sendable, Equatable, Codable {
  public var words: LengthFigures
  /// nil without a tokenizer.
  public var pieces: LengthFigures?
}

public struct ColumnFigures: Sendable, Equatable, Codable {
  public var column: String
  /// Pieces without special tokens.
  public var lengths: TextLengths
}

public struct LengthFigures: Sendable, Equatable, Codable {
  public struct Histogram: Sendable, Equatable, Codable {
    /// Of each bin; the first begins at 0.
    public var width: Int
    /// Rows in each bin.
    public var rows: [Int]
    /// Rows that are longer than the last bin.
    public var above: Int
  }

  public var rows: Int
  /// Over all rows.
  public var total: Int
  public var mean: Double
  public var median: Int
  public var p90: Int
  public var p95: Int
  public var p99: Int
  public var max: Int
  public var histogram: Histogram
}

public struct TruncationFigures: Sendable, Equatable, Codable {
  public var maxLength: Int
  public var rowsCut: Int
  public var shareCut: Double
  public var tokensLost: Int
  public var shareLost: Double

  enum CodingKeys: String, CodingKey {
    case maxLength = "max_length"
    case rowsCut = "rows_cut"
    case shareCut = "share_cut"
    case tokensLost = "tokens_lost"
    case shareLost = "share_lost"
  }
}

public struct DuplicateFigures: Sendable, Equatable, Codable {
  public struct Group: Sendable, Equatable, Codable {
    public var count: Int
    /// The first ones.
    public var rows: [RowReference]
  }

  /// Texts that occur more than once.
  public var texts: Int
  /// Rows whose text an earlier row has.
  public var rows: Int
  /// The first ones.
  public var groups: [Group]
}

public struct NearDuplicateFigures: Sendable, Equatable, Codable {
  public struct Pair: Sendable, Equatable, Codable {
    public var first: RowReference
    public var second: RowReference
    /// Estimated.
    public var similarity: Double
  }

  /// Pairs of different texts; rows with the same text count as one.
  public var pairs: Int
  /// Texts that are in a pair.
  public var texts: Int
  public var groups: Int
  /// Pairs whose rows have different labels.
  public var pairsWithOtherLabels: Int
  /// Whether there may be more.
  public var isComplete: Bool
  /// The first ones.
  public var list: [Pair]

  enum CodingKeys: String, CodingKey {
    case pairs, texts, groups, list
    case pairsWithOtherLabels = "pairs_with_other_labels"
    case isComplete = "complete"
  }
}

public struct ConflictFigures: Sendable, Equatable, Codable {
  /// Texts that occur with more than one label.
  public var texts: Int
  /// Their rows.
  public var rows: Int
  /// The first ones.
  public var groups: [DuplicateFigures.Group]
}

public struct LeakageFigures: Sendable, Equatable, Codable {
  public struct Leak: Sendable, Equatable, Codable {
    /// In this file.
    public var row: RowReference
    /// In `train`.
    public var train: RowReference
    /// 1 for the same text.
    public var similarity: Double
  }

  /// Rows whose text is in `train`.
  public var exact: Int
  /// Other rows that are near-duplicates of one in `train`.
  public var near: Int
  /// Of the rows of this file.
  public var share: Double
  /// The first ones.
  public var exactList: [Leak]
  public var nearList: [Leak]

  enum CodingKeys: String, CodingKey {
    case exact, near, share
    case exactList = "exact_list"
    case nearList = "near_list"
  }
}

public struct VocabularyFigures: Sendable, Equatable, Codable {
  public struct Word: Sendable, Equatable, Codable {
    public var word: String
    public var count: Int
  }

  /// What `train` does not have.
  public struct Unseen: Sendable, Equatable, Codable {
    public var words: Int
    public var different: Int
    /// Of all words.
    public var share: Double
    /// Of the different words.
    public var shareDifferent: Double
    /// The most frequent ones.
    public var top: [Word]

    enum CodingKeys: String, CodingKey {
      case words, different, share, top
      case shareDifferent = "share_different"
    }
  }

  /// All words of the texts.
  public var words: Int
  public var different: Int
  /// Different words that occur once.
  public var once: Int
  /// Words that came when the vocabulary had reached its limit, and are not in `different`.
  public var notEntered: Int
  /// Without common words, numbers and single letters.
  public var top: [Word]
  /// nil for `train` itself.
  public var unseen: Unseen?

  enum CodingKeys: String, CodingKey {
    case words, different, once, top, unseen
    case notEntered = "not_entered"
  }
}

public struct CharacterFigures: Sendable, Equatable, Codable {
  public struct Kind: Sendable, Equatable, Codable {
    public var found: Int
    public var rows: Int
    public var firstLine: Int?

    enum CodingKeys: String, CodingKey {
      case found, rows
      case firstLine = "first_line"
    }
  }

  /// Unicode scalars.
  public var characters: Int
  public var nonASCIIShare: Double
  public var nonASCII: Kind
  public var control: Kind
  public var invisible: Kind
  public var replacement: Kind
  public var math: Kind
  public var latex: Kind
  public var tags: Kind
  public var entities: Kind
  public var links: Kind

  enum CodingKeys: String, CodingKey {
    case characters, control, invisible, replacement, math, latex, tags, entities, links
    case nonASCIIShare = "non_ascii_share"
    case nonASCII = "non_ascii"
  }

  init(_ counts: CharacterCounts) {
    func kind(_ kind: CharacterCounts.Kind) -> Kind {
      let count = counts[kind]
      return Kind(found: count.found, rows: count.rows, firstLine: count.firstLine)
    }
    characters = counts.characters
    nonASCII = kind(.nonASCII)
    nonASCIIShare = characters > 0 ? Double(nonASCII.found) / Double(characters) : 0
    control = kind(.control)
    invisible = kind(.invisible)
    replacement = kind(.replacement)
    math = kind(.math)
    latex = kind(.latex)
    tags = kind(.tags)
    entities = kind(.entities)
    links = kind(.links)
  }
}

/// What a person should know or do, in plain words.
public struct Advice: Sendable, Equatable, Codable {
  public enum Kind: String, Sendable, Codable {
    /// A result would be wrong or worse for it.
    case warning
    case advice
  }

  public var kind: Kind
  public var text: String

  public init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }
}
