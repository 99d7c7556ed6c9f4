/// English words that say nothing about what a text is about: articles, pronouns, prepositions, auxiliary verbs. They
/// are counted like all others, but not listed.
enum CommonWords {
  static let english = """
    a about above after again against ain't all also although always am among an and another any are aren't around as at
    be because been before being below between both but by can can't cannot could couldn't did didn't do does doesn't
    doing don't done down due during each either else etc even every few first for from further furthermore get given
    had hadn't has hasn't have haven't having he her here hers herself him himself his how however i if in into is isn't
    it it's its itself just let like may me might more moreover most much must mustn't my myself need needn't neither no
    nor not now of off often on once one only onto or other our ours ourselves out over own per rather same second shall
    shan't she should shouldn't since so some still such than that that's the their theirs them themselves then there
    thereby therefore these they this those three through thus to together too toward towards two under until up upon us
    use used uses using very via was wasn't we well were weren't what when where whereas whether which while who whom
    whose why will with within without won't would wouldn't yet you your yours yourself yourselves
    """

  private static let index = english.split { $0 == " " || $0 == "\n" }.reduce(into: HashIndex()) {
    _ = $0.enter(ByteHash.of(String($1)))
  }

  static func contains(hash: UInt64) -> Bool { index.find(hash) != nil }
}
