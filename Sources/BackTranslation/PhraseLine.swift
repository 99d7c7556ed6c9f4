import Glibc
import IntrayCore

/// One line of a phrase table in one of its two text formats.
struct PhraseLine {
  enum Format: String, Codable, Sendable {
    /// `source ||| target ||| scores ||| ...`: what Moses trains (its manual, "Phrase scoring"). Of the four scores the
    /// third is p(target | source). What follows the scores is not read.
    case moses
    /// `source TAB target`: all targets of a source are equally likely.
    case dictionary
  }

  var source: String
  var target: String
  /// Natural logarithm of p(target | source); 0 in a dictionary, where the other lines decide.
  var logProbability: Float

  /// Moses writes four; older tables have a fifth, a constant.
  private static let leastScores = 4
  private static let mostFields = 8

  /// The format of a table, seen from its first line.
  static func format(of line: String) throws -> Format {
    if line.contains("|||") { return .moses }
    if line.utf8.contains(UInt8(ascii: "\t")) { return .dictionary }
    throw Fault("neither 'source ||| target ||| scores' nor 'source TAB target'")
  }

  /// What is wrong with a line; the caller knows where it stands.
  struct Fault: Error {
    let message: String

    init(_ message: String) { self.message = message }
  }

  init(_ line: String, _ format: Format) throws {
    switch format {
    case .moses: try self.init(moses: line)
    case .dictionary: try self.init(dictionary: line)
    }
    if source.isEmpty { throw Fault("the source is empty") }
    if target.isEmpty { throw Fault("the target is empty") }
  }

  private init(dictionary line: String) throws {
    let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
    guard fields.count == 2 else {
      throw Fault("\(fields.count) field\(fields.count == 1 ? "" : "s") where 'source TAB target' has 2")
    }
    source = Self.trimmed(fields[0])
    target = Self.trimmed(fields[1])
    logProbability = 0
  }

  private init(moses line: String) throws {
    let fields = Self.fields(line)
    guard (3...Self.mostFields).contains(fields.count) else {
      throw Fault(
        "\(fields.count) field\(fields.count == 1 ? "" : "s") where 'source ||| target ||| scores' has 3 to \(Self.mostFields)"
      )
    }
    source = Self.unescaped(Self.trimmed(fields[0]))
    target = Self.detokenized(Self.unescaped(Self.trimmed(fields[1])))
    let words = fields[2].split { $0 == " " || $0 == "\t" }
    let scores = try words.map { word in
      guard let score = Double(word), score.isFinite, score >= 0 else {
        throw Fault("the score '\(word)' is no number")
      }
      return score
    }
    guard scores.count >= Self.leastScores else {
      throw Fault("\(scores.count) score\(scores.count == 1 ? "" : "s"); Moses writes \(Self.leastScores)")
    }
    // Rounding may bring a sum of shares a little above 1.
    guard scores[2] > 0, scores[2] <= 1.001 else {
      throw Fault("the third score, p(target | source), is \(words[2]); it must be more than 0 and at most 1")
    }
    logProbability = min(0, Float(log(scores[2])))
  }

  private static func fields(_ line: String) -> [Substring] {
    var fields: [Substring] = []
    var rest = line[...]
    while let bars = rest.firstRange(of: "|||") {
      fields.append(rest[..<bars.lowerBound])
      rest = rest[bars.upperBound...]
    }
    return fields + [rest]
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }

  /// What Moses' tokenizer writes for characters that mean something to it (escape-special-chars.perl).
  private static let escapes: [(String, String)] = [
    ("&#124;", "|"), ("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"), ("&quot;", "\""), ("&#91;", "["), ("&#93;", "]"),
    ("&amp;", "&"),
  ]

  private static func unescaped(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
    return escapes.reduce(text) { $0.replacing($1.0, with: $1.1) }
  }

  private static let closing: Set<Character> = [".", ",", ";", ":", "!", "?", ")", "]", "}", "%"]
  private static let opening: Set<Character> = ["(", "[", "{"]

  /// Takes back the spaces that the tokenizer put around punctuation: `do n't ,` and `l' homme` are written without.
  private static func detokenized(_ text: String) -> String {
    var result = ""
    var glues = true
    for word in text.split(separator: " ") {
      let attaches =
        word.allSatisfy(closing.contains) || word == "n't" || (word.first == "'" && word.count > 1)
      if !glues && !attaches { result += " " }
      result += word
      glues = word.allSatisfy(opening.contains) || (word.last == "'" && word.count > 1)
    }
    return result
  }
}
