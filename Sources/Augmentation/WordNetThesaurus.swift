import Synchronization
import Text

/// WordNet's synonyms, each word looked up once.
public final class WordNetThesaurus: Thesaurus {
  /// Beyond so many words nothing more is remembered.
  private static let limit = 200_000
  private let wordNet: WordNet
  private let senses: WordNet.Senses
  private let known = Mutex<[String: [String]]>([:])

  /// - Parameter senses: `first` is what the recipe's listing does (trap 8), `all` what the paper does.
  public init(_ wordNet: WordNet, senses: WordNet.Senses) {
    self.wordNet = wordNet
    self.senses = senses
  }

  public func synonyms(of word: String) -> [String] {
    if let synonyms = known.withLock({ $0[word] }) { return synonyms }
    let synonyms = wordNet.synonyms(of: word, senses: senses)
    known.withLock { if $0.count < Self.limit { $0[word] = synonyms } }
    return synonyms
  }
}
