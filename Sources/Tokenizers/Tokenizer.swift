/// What a model reads: token ids, and for each the sentence it belongs to (0 or 1).
public struct Encoding: Sendable, Equatable {
  public var ids: [Int32]
  public var segments: [Int32]
  /// How many tokens of the texts did not fit and were left out.
  public var truncated: Int

  public init(ids: [Int32], segments: [Int32], truncated: Int = 0) {
    self.ids = ids
    self.segments = segments
    self.truncated = truncated
  }
}

/// Cuts text into the tokens of a model. It never changes after it was made, so any number of threads may share it.
public protocol Tokenizer: Sendable {
  /// One more than the largest id.
  var vocabularySize: Int { get }

  /// A text, or a pair of texts, with the model's special tokens around it: `[CLS] first [SEP] second [SEP]`.
  ///
  /// A pair that is too long loses tokens at the end of the longer text first, and then of both, as Hugging Face's
  /// `longest_first` does.
  /// - Parameters:
  ///   - first: UTF-8. Bytes that are not count as U+FFFD each.
  ///   - maxLength: tokens, the special ones included; at least their number.
  func encode(_ first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>?, maxLength: Int) -> Encoding

  /// A text's tokens alone, without special tokens around it and without a limit.
  func ids(_ text: UnsafeBufferPointer<UInt8>) -> [Int32]

  /// The token with this id, as the vocabulary spells it; ids go from 0 to `vocabularySize - 1`.
  func piece(_ id: Int32) -> String
}

extension Tokenizer {
  public func encode(_ first: String, _ second: String? = nil, maxLength: Int) -> Encoding {
    var first = first
    guard var second else { return first.withUTF8 { encode($0, nil, maxLength: maxLength) } }
    return first.withUTF8 { first in second.withUTF8 { encode(first, $0, maxLength: maxLength) } }
  }

  /// How a text is cut, to show it to a person.
  public func pieces(_ text: String) -> [(piece: String, id: Int32)] {
    var text = text
    return text.withUTF8 { ids($0) }.map { (piece($0), $0) }
  }
}

/// How many tokens of each text of a pair stay when only `budget` fit, as Hugging Face's `longest_first` has it: the
/// longer text gives first; when both must give, each keeps half, and the one that was longer (or else the second) the
/// odd one.
func longestFirst(_ first: Int, _ second: Int, budget: Int) -> (first: Int, second: Int) {
  guard first + second > budget else { return (first, second) }
  let (short, long) = (min(first, second), max(first, second))
  var (keptOfShort, keptOfLong) = (short, max(short, budget - short))
  if keptOfShort + keptOfLong > budget {
    keptOfShort = budget / 2
    keptOfLong = budget - keptOfShort
  }
  keptOfLong = min(keptOfLong, long)
  return first > second ? (keptOfLong, keptOfShort) : (keptOfShort, keptOfLong)
}
