/// How BERT prepares text before it is cut into pieces: the `BertNormalizer` and `BertPreTokenizer` of Hugging Face.
public struct TextRules: Sendable, Equatable {
  /// Removes control characters, NUL and U+FFFD, and makes every white space a plain one.
  public var cleansText = true
  /// Makes every CJK ideograph a word of its own.
  public var isolatesIdeographs = true
  /// Decomposes (NFD) and drops non-spacing marks: é > e.
  public var stripsAccents = true
  public var lowercases = true

  public init(
    cleansText: Bool = true, isolatesIdeographs: Bool = true, stripsAccents: Bool = true, lowercases: Bool = true
  ) {
    self.cleansText = cleansText
    self.isolatesIdeographs = isolatesIdeographs
    self.stripsAccents = stripsAccents
    self.lowercases = lowercases
  }
}

/// What becomes of a character.
enum CharacterKind: UInt8 {
  /// Goes into the word.
  case word
  /// Ends the word.
  case space
  /// Ends the word and is one itself.
  case punctuation
  case removed
}

extension TextRules {
  /// The steps of the normalizer for one character, in their order.
  ///
  /// One thing of NFD is left out: marks that stay (those of scripts younger than the library's tables, and spacing
  /// ones) are not put into canonical order. Two of them in the wrong order, in one word, would be needed to see it.
  /// - Parameters:
  ///   - isolated: called first, when the character is to be a word of its own.
  ///   - emit: called for each character that it becomes, with its kind.
  @inline(__always)
  func normalize(_ scalar: UInt32, isolated: () -> Void, emit: (UInt32, CharacterKind) -> Void) {
    if cleansText {
      if UnicodeTables.controls.containsRange(of: scalar) { return emit(scalar, .removed) }
      if UnicodeTables.whitespace.containsRange(of: scalar) { return emit(0x20, .space) }
    }
    if isolatesIdeographs, UnicodeTables.ideographs.containsRange(of: scalar) { isolated() }
    guard stripsAccents else { return lowercase(scalar, emit) }
    if UnicodeTables.marks.containsRange(of: scalar) { return emit(scalar, .removed) }
    if case let syllable = scalar &- 0xAC00, syllable < 11172 {
      // The Unicode Standard, chapter 3.12: consonant, vowel, and a final consonant or none.
      lowercase(0x1100 + syllable / 588, emit)
      lowercase(0x1161 + syllable % 588 / 28, emit)
      if syllable % 28 > 0 { lowercase(0x11A7 + syllable % 28, emit) }
    } else if let base = UnicodeTables.decompositions.partner(of: scalar) {
      lowercase(base, emit)
    } else if let place = UnicodeTables.longDecompositions.place(of: scalar, stride: 4) {
      for part in UnicodeTables.longDecompositions[place + 1...place + 3] where part != 0 { lowercase(part, emit) }
    } else {
      lowercase(scalar, emit)
    }
  }

  @inline(__always)
  private func lowercase(_ scalar: UInt32, _ emit: (UInt32, CharacterKind) -> Void) {
    guard lowercases else { return classify(scalar, emit) }
    if let lower = UnicodeTables.lowercase.partner(of: scalar) {
      classify(lower, emit)
    } else if let place = UnicodeTables.longLowercase.place(of: scalar, stride: 4) {
      for part in UnicodeTables.longLowercase[place + 1...place + 3] where part != 0 { classify(part, emit) }
    } else {
      classify(scalar, emit)
    }
  }

  private func classify(_ scalar: UInt32, _ emit: (UInt32, CharacterKind) -> Void) {
    if UnicodeTables.whitespace.containsRange(of: scalar) {
      emit(scalar, .space)
    } else if UnicodeTables.punctuation.containsRange(of: scalar) {
      emit(scalar, .punctuation)
    } else {
      emit(scalar, .word)
    }
  }
}

extension [UInt32] {
  /// Whether a range of a table of firsts and lasts has this character.
  fileprivate func containsRange(of scalar: UInt32) -> Bool {
    let place = lastPlace(notAfter: scalar, stride: 2)
    return place >= 0 && scalar <= self[place + 1]
  }

  /// The second of the pair whose first is this character.
  fileprivate func partner(of scalar: UInt32) -> UInt32? { place(of: scalar, stride: 2).map { self[$0 + 1] } }

  fileprivate func place(of scalar: UInt32, stride: Int) -> Int? {
    let place = lastPlace(notAfter: scalar, stride: stride)
    return place >= 0 && self[place] == scalar ? place : nil
  }

  /// The place of the last group that starts at or before this character, or a negative number.
  private func lastPlace(notAfter scalar: UInt32, stride: Int) -> Int {
    var (low, high) = (0, count / stride)
    while low < high {
      let middle = (low + high) / 2
      if self[middle * stride] <= scalar { low = middle + 1 } else { high = middle }
    }
    return (low - 1) * stride
  }
}
