import BackTranslation
import Tensors
import Text

/// Makes of each row a clean one and its changed copies.
///
/// (1) A row's copies depend on the seed, its id and its texts; on no other row, no order, and no number of threads.
/// (2) A copy has at least one text that differs from the original's, and from those of the copies before it; where
///     `tries` draws give none, the copy is left out and counted.
/// (3) Labels are not seen here: a copy has its original's.
public struct Augmenter: Sendable {
  public enum Operation: String, Sendable, Codable, CaseIterable {
    case deletion, swap, insertion, synonym, backtranslation
  }

  /// An operation, and how often it is done to each row.
  public struct Step: Sendable, Codable {
    public var name: Operation
    /// The share of words that change; nothing to back-translation.
    public var rate: Double
    public var copies: Int

    public init(name: Operation, rate: Double = 0.1, copies: Int = 1) {
      self.name = name
      self.rate = rate
      self.copies = copies
    }
  }

  /// A copy, with its lineage.
  public struct Copy: Sendable, Equatable {
    public var texts: [String]
    public var operation: Operation
    /// From 1, within the operation.
    public var number: Int
    /// Words left out, brought in or replaced, or pairs swapped; for a back-translation the words that the original has not.
    public var edits: Int
  }

  /// Why a copy is not there.
  public enum Miss: Sendable, Hashable {
    /// Nothing could be changed, or only to what is there already.
    case notDistinct
    /// The back-translation was refused.
    case rejected(Guards.Rejection)

    /// As the report has it.
    public var name: String {
      switch self {
      case .notDistinct: "not_distinct"
      case .rejected(let reason): reason.rawValue
      }
    }
  }

  /// What became of a row.
  public struct Result: Sendable {
    /// The cleaned row.
    public var texts: [String]
    public var copies: [Copy]
    public var misses: [(operation: Operation, reason: Miss)]
  }

  private static let tries: UInt64 = 10

  private let cleaning: Cleaning
  private let eda: EasyDataAugmentation
  private let steps: [Step]
  private let seed: UInt64
  private let translators: [any BackTranslator]
  private let guards: Guards

  /// - Parameter translators: for steps of back-translation, one for each text of a row.
  public init(
    cleaning: Cleaning, eda: EasyDataAugmentation, steps: [Step], seed: UInt64,
    translators: [any BackTranslator] = [], guards: Guards = Guards()
  ) {
    self.cleaning = cleaning
    self.eda = eda
    self.steps = steps
    self.seed = seed
    self.translators = translators
    self.guards = guards
  }

  /// - Parameter texts: as they are in the file: back-translation gets them before they are cleaned.
  public func augment(id: String, texts raw: [String]) throws -> Result {
    let texts = raw.map(cleaning.clean)
    var result = Result(texts: texts, copies: [], misses: [])
    var seen = [texts]
    for step in steps {
      for number in 1...max(step.copies, 1) {
        switch try copy(step, number, id: id, raw: raw, texts: texts, seen: seen) {
        case .success(let copy):
          seen.append(copy.texts)
          result.copies.append(copy)
        case .failure(let refusal): result.misses.append((step.name, refusal.reason))
        }
      }
    }
    return result
  }

  private struct Refusal: Error { let reason: Miss }

  private func copy(
    _ step: Step, _ number: Int, id: String, raw: [String], texts: [String], seen: [[String]]
  ) throws -> Swift.Result<Copy, Refusal> {
    guard let operation = EasyDataAugmentation.Operation(rawValue: step.name.rawValue) else {
      return try backTranslation(number, id: id, raw: raw, texts: texts, seen: seen)
    }
    for attempt in 0..<Self.tries {
      var copy = Copy(texts: [], operation: step.name, number: number, edits: 0)
      for (column, text) in texts.enumerated() {
        var random = CounterRandom(
          seed: seed, purpose: CounterRandom.Purpose.augmentation,
          index: Self.index(id, step.name.rawValue, number, column, attempt))
        let (changed, edits) = eda.apply(operation, rate: step.rate, to: text, random: &random)
        copy.texts.append(changed)
        copy.edits += edits
      }
      if !seen.contains(copy.texts) { return .success(copy) }
    }
    return .failure(Refusal(reason: .notDistinct))
  }

  private func backTranslation(
    _ number: Int, id: String, raw: [String], texts: [String], seen: [[String]]
  ) throws -> Swift.Result<Copy, Refusal> {
    precondition(translators.count == raw.count, "a step of back-translation without a translator for each text")
    var copy = Copy(texts: [], operation: .backtranslation, number: number, edits: 0)
    var refusal: Guards.Rejection?
    for (column, text) in raw.enumerated() {
      guard let translation = try translators[column].backTranslate(id: id, text: text) else {
        refusal = refusal ?? .missing
        copy.texts.append(texts[column])
        continue
      }
      if let reason = guards.check(translation, of: text) {
        refusal = refusal ?? reason
        copy.texts.append(texts[column])
        continue
      }
      let cleaned = cleaning.clean(translation)
      copy.texts.append(cleaned)
      copy.edits += Self.newWords(in: cleaned, notIn: texts[column])
    }
    if copy.texts == texts { return .failure(Refusal(reason: refusal.map(Miss.rejected) ?? .notDistinct)) }
    return seen.contains(copy.texts) ? .failure(Refusal(reason: .notDistinct)) : .success(copy)
  }

  private static func newWords(in text: String, notIn original: String) -> Int {
    func words(_ text: String) -> [String] {
      let words = WordText(text)
      return words.words.indices.map { words.word($0).lowercased() }
    }
    let known = Set(words(original))
    return words(text).count { !known.contains($0) }
  }

  /// What the random numbers of a copy are drawn for: FNV-1a over all that they depend on, mixed by SplitMix64's last steps
  /// (Steele, Lea and Flood 2014), as FNV's upper bits follow the last bytes badly.
  private static func index(_ id: String, _ operation: String, _ number: Int, _ column: Int, _ attempt: UInt64)
    -> UInt64
  {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    id.utf8.forEach(add)
    // No byte of UTF-8: nothing of what follows is taken for a part of the id.
    add(0xFF)
    operation.utf8.forEach(add)
    add(0xFF)
    for value in [UInt64(number), UInt64(column), attempt] {
      for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
    }
    hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
    hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
    return hash ^ (hash >> 31)
  }
}
