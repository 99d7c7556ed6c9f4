/// What a back-translation must be to be taken for another wording of its original.
public struct Guards: Sendable {
  /// Why a translation is not taken.
  public enum Rejection: String, Sendable, CaseIterable, Codable {
    /// There is none.
    case missing
    /// The original again, but for case and space.
    case identical
    case tooShort = "too_short"
    case tooLong = "too_long"
    /// Too few of the original's words are in it.
    case tooLittleOverlap = "too_little_overlap"
    /// An earlier row has the same translation.
    case duplicate
  }

  /// Characters of the translation to those of the original.
  public var lengthRatio: ClosedRange<Double>
  /// The share of the original's different words, in lower case, that the translation must have too.
  public var overlap: Double

  public static let defaultLengthRatio = 0.5...2
  public static let defaultOverlap = 0.2

  public init(
    lengthRatio: ClosedRange<Double> = Guards.defaultLengthRatio, overlap: Double = Guards.defaultOverlap
  ) {
    self.lengthRatio = lengthRatio
    self.overlap = overlap
  }

  /// Why this translation is not taken; nil when it is. `Acceptance` looks for duplicates, and counts.
  public func check(_ translation: String, of original: String) -> Rejection? {
    let (text, source) = (Self.compared(translation), Self.compared(original))
    if text.isEmpty { return .missing }
    if text == source { return .identical }
    let ratio = Self.lengthRatio(text, source)
    if ratio < lengthRatio.lowerBound { return .tooShort }
    if ratio > lengthRatio.upperBound { return .tooLong }
    if Self.overlap(translation, original) < overlap { return .tooLittleOverlap }
    return nil
  }

  /// As texts are compared: lower case, one space for any.
  static func compared(_ text: String) -> String {
    text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  public static func lengthRatio(_ translation: String, _ original: String) -> Double {
    Double(translation.unicodeScalars.count) / Double(max(1, original.unicodeScalars.count))
  }

  /// The share of the original's different words that the translation has; 1 where the original has none.
  public static func overlap(_ translation: String, _ original: String) -> Double {
    let wanted = words(original)
    if wanted.isEmpty { return 1 }
    return Double(wanted.intersection(words(translation)).count) / Double(wanted.count)
  }

  private static func words(_ text: String) -> Set<String> {
    Set(text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init))
  }
}

/// Judges translations row by row, and counts.
///
/// Rows must come in the order of the file: what is a duplicate depends on what came before. 8 bytes are kept of each
/// accepted translation.
public struct Acceptance: Sendable {
  public let guards: Guards
  public private(set) var accepted = 0
  /// How many were rejected, by reason.
  public private(set) var rejected: [Guards.Rejection: Int] = [:]
  private var seen: Set<UInt64> = []

  public init(_ guards: Guards) { self.guards = guards }

  public var judged: Int { accepted + rejected.values.reduce(0, +) }

  /// Why the translation is not taken; nil when it is.
  public mutating func judge(_ translation: String?, of original: String) -> Guards.Rejection? {
    let rejection = translation.map { reason($0, original) } ?? .missing
    if let rejection { rejected[rejection, default: 0] += 1 } else { accepted += 1 }
    return rejection
  }

  private mutating func reason(_ translation: String, _ original: String) -> Guards.Rejection? {
    if let rejection = guards.check(translation, of: original) { return rejection }
    return seen.insert(ByteHash.hash(Guards.compared(translation))).inserted ? nil : .duplicate
  }
}
