/// One thing that is done to a text. Done twice, a step changes nothing more than done once, lemmas aside.
///
/// What a word is says `docs/decisions/026-what-is-a-word.md`.
public enum CleaningStep: String, Sendable, Codable, CaseIterable {
  /// Each run of white space, line ends included, becomes one space; none stays at the ends: `␠a⏎⇥b␠` > `a b`.
  case whitespace
  /// `Über GPUs` > `über gpus`.
  case lowercase
  /// Each word becomes its lemma in WordNet; the rest stays as it is: `models, networks` > `model, network`. WordNet knows
  /// words in lower case only, so `lowercase` goes before it. A second pass may find a lemma of a lemma.
  case lemmatize
  /// Stop words go that stand alone or in punctuation: `the t-SNE of a map` > `t-SNE map`.
  case removeStopWords = "remove_stop_words"
  /// Numbers go; digits in words stay: `in 2021, word2vec` > `in , word2vec`.
  case removeDigits = "remove_digits"
  /// Each number becomes `0`, so that all are one term: `3.14 of 1,000` > `0 of 0`.
  case maskDigits = "mask_digits"
  /// What is no letter, digit, white space or one of `. , ; : ! ? ' ’ " - ( )` goes, without gluing what is beside it:
  /// `x=3 & y` > `x 3 y`.
  case removeSpecial = "remove_special"
}

/// As which part of speech a word's lemma is looked up.
public enum LemmaPart: String, Sendable, Codable, CaseIterable {
  case noun, verb, adjective, adverb
  /// The part of speech in which WordNet's corpus has the lemma most often.
  case auto
}
