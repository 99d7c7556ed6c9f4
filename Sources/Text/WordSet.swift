/// A set of words that is looked up without regard to case: stop words, or words that are to be left alone.
///
/// `Don’t` is in a set that has `don't`: ’ (U+2019) counts as the apostrophe.
public struct WordSet: Sendable {
  private var words = WordTable()

  public init(_ words: [String]) {
    for word in words {
      var word = word
      word.withUTF8 { word in
        _ = Self.withFolded(word) { self.words.insert($0) }
      }
    }
  }

  public var isEmpty: Bool { words.count == 0 }

  public func contains(_ word: Substring) -> Bool {
    var word = word
    return word.withUTF8 { contains($0) }
  }

  /// - Parameter word: UTF-8.
  public func contains(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
    Self.withFolded(word) { words.number(of: $0) != nil }
  }

  private static func withFolded<Result>(
    _ word: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    if word.allSatisfy({ $0 < 0x80 && !(0x41...0x5A).contains($0) }) { return body(word) }
    var folded: [UInt8] = []
    Characters(word).lowercase(into: &folded)
    let apostrophe = Array("’".utf8)
    while let place = folded.firstRange(of: apostrophe) { folded.replaceSubrange(place, with: "'".utf8) }
    return folded.withUnsafeBufferPointer { body($0) }
  }
}

/// Words that say little about a text's topic.
public typealias StopWords = WordSet

extension StopWords {
  /// 179 usual English stop words, written down after NLTK's list; not compared with its data.
  public static let recipe = StopWords(
    """
    i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself yourselves he him his \
    himself she she's her hers herself it it's its itself they them their theirs themselves what which who whom this \
    that that'll these those am is are was were be been being have has had having do does did doing a an the and but if \
    or because as until while of at by for with about against between into through during before after above below to \
    from up down in out on off over under again further then once here there when where why how all any both each few \
    more most other some such no nor not only own same so than too very s t can will just don don't should should've \
    now d ll m o re ve y ain aren aren't couldn couldn't didn didn't doesn doesn't hadn hadn't hasn hasn't haven haven't \
    isn isn't ma mightn mightn't mustn mustn't needn needn't shan shan't shouldn shouldn't wasn wasn't weren weren't won \
    won't wouldn wouldn't
    """.split(separator: " ").map(String.init))
}
