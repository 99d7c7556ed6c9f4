import IntrayCore

/// Cleans texts, step by step in the order given. It never changes after it was made, so any number of threads may share
/// it.
///
///     let cleaning = try Cleaning([.whitespace, .lowercase, .lemmatize], wordNet: WordNet())
///     cleaning.clean("Deep\nNetworks")                            // deep network
public struct Cleaning: Sendable {
  private let steps: [CleaningStep]
  private let pos: LemmaPart
  private let stopWords: StopWords
  private let wordNet: WordNet?

  /// - Parameters:
  ///   - pos: for `lemmatize`; NLTK takes every word as a noun.
  ///   - wordNet: needed by `lemmatize` alone.
  public init(
    _ steps: [CleaningStep], pos: LemmaPart = .noun, stopWords: StopWords = .recipe, wordNet: WordNet? = nil
  ) throws {
    guard wordNet != nil || !steps.contains(.lemmatize) else {
      throw IntrayError(.missing, "the cleaning step 'lemmatize' needs WordNet", hint: WordNet.installation)
    }
    self.steps = steps
    self.pos = pos
    self.stopWords = stopWords
    self.wordNet = wordNet
  }

  public func clean(_ text: String) -> String {
    guard let first = steps.first else { return text }
    var text = text
    var done: [UInt8] = []
    done.reserveCapacity(text.utf8.count + 16)
    text.withUTF8 { apply(first, to: Characters($0), into: &done) }
    var next: [UInt8] = []
    for step in steps.dropFirst() {
      next.removeAll(keepingCapacity: true)
      next.reserveCapacity(done.count + 16)
      done.withUnsafeBufferPointer { apply(step, to: Characters($0), into: &next) }
      swap(&done, &next)
    }
    return String(decoding: done, as: UTF8.self)
  }

  private func apply(_ step: CleaningStep, to text: Characters, into output: inout [UInt8]) {
    switch step {
    case .whitespace: text.collapseSpace(into: &output)
    case .lowercase: text.lowercase(into: &output)
    case .lemmatize: if let wordNet { text.lemmatize(by: wordNet, as: pos, into: &output) }
    case .removeStopWords: text.removeWords(of: stopWords, into: &output)
    case .removeDigits: text.replaceNumbers(by: [], into: &output)
    case .maskDigits: text.replaceNumbers(by: [UInt8(ascii: "0")], into: &output)
    case .removeSpecial: text.removeSpecial(into: &output)
    }
  }
}

extension Characters {
  fileprivate func collapseSpace(into output: inout [UInt8]) {
    _ = forEachToken { _, token in
      if !output.isEmpty { output.append(UInt8(ascii: " ")) }
      output.append(contentsOf: bytes[token])
    }
  }

  fileprivate func lemmatize(by wordNet: WordNet, as part: LemmaPart, into output: inout [UInt8]) {
    var (place, copied) = (0, 0)
    while place < count {
      let (kind, length) = kind(at: place)
      guard kind.isInWord else {
        place += length
        continue
      }
      let word = place..<wordEnd(from: place)
      place = word.upperBound
      if let lemma = wordNet.number(of: slice(word), as: part) {
        output.append(contentsOf: bytes[copied..<word.lowerBound])
        wordNet.append(lemma, to: &output)
        copied = place
      }
    }
    output.append(contentsOf: bytes[copied..<count])
  }

  fileprivate func removeWords(of set: WordSet, into output: inout [UInt8]) {
    edit(into: &output) { token, keep in
      var start = token.lowerBound
      while start < token.upperBound, case let (kind, length) = kind(at: start), !kind.isInWord { start += length }
      let end = min(wordEnd(from: start), token.upperBound)
      var rest = end
      while rest < token.upperBound, case let (kind, length) = kind(at: rest), !kind.isInWord { rest += length }
      // More than one word: i.e., t-SNE, p(y|x).
      guard start < end, rest == token.upperBound, set.contains(slice(start..<end)) else { return keep(token) }
      keep(token.lowerBound..<start)
      keep(end..<token.upperBound)
    }
  }

  fileprivate func replaceNumbers(by replacement: [UInt8], into output: inout [UInt8]) {
    edit(into: &output, replacement: replacement) { token, keep in
      var (place, kept) = (token.lowerBound, token.lowerBound)
      while place < token.upperBound {
        let (kind, length) = kind(at: place)
        guard kind.isInWord else {
          place += length
          continue
        }
        let number = numberEnd(from: place)
        if number > place, number == token.upperBound || self.kind(at: number).kind != .letter {
          keep(kept..<place)
          (place, kept) = (number, number)
        } else {
          // A word with a letter, and what a version has behind it: v1.2.
          place = wordEnd(from: place)
          while case let behind = numberEnd(from: place + 1), place < token.upperBound,
            self.kind(at: place).kind == .point, behind > place + 1
          {
            place = behind
          }
        }
      }
      keep(kept..<token.upperBound)
    }
  }

  /// Where the number ends that has its first digit at `place`: there when there is no digit.
  private func numberEnd(from place: Int) -> Int {
    var end = place
    while end < count {
      let (kind, length) = kind(at: end)
      if kind == .digit {
        end += length
      } else if kind == .point, end > place, end + 1 < count, self.kind(at: end + 1).kind == .digit {
        end += 1
      } else {
        break
      }
    }
    return end
  }

  /// Puts the text together from the parts of each token that are kept, with `replacement` between two of them. A token of
  /// which nothing is left goes with the white space before it; the first one with that behind it.
  private func edit(
    into output: inout [UInt8], replacement: [UInt8] = [], _ parts: (Range<Int>, (Range<Int>) -> Void) -> Void
  ) {
    var isFirst = true
    var firstSpace: Range<Int>?
    let end = forEachToken { space, token in
      let before = output.count
      output.append(contentsOf: bytes[isFirst ? firstSpace ?? space : space])
      let start = output.count
      var isBetween = false
      parts(token) { part in
        if isBetween { output.append(contentsOf: replacement) }
        output.append(contentsOf: bytes[part])
        isBetween = true
      }
      if output.count > start {
        isFirst = false
      } else {
        output.removeLast(output.count - before)
        if isFirst, firstSpace == nil { firstSpace = space }
      }
    }
    output.append(contentsOf: bytes[end])
  }

  fileprivate func removeSpecial(into output: inout [UInt8]) {
    var (place, isOpen, endsInSpace) = (0, false, true)
    while place < count {
      let (kind, length) = kind(at: place)
      let character = bytes[place..<place + length]
      place += length
      switch kind {
      case .format: break
      case .other: isOpen = true
      case .space:
        if isOpen && endsInSpace { break }
        output.append(contentsOf: character)
        (isOpen, endsInSpace) = (false, true)
      case .letter, .digit, .apostrophe, .point, .punctuation:
        if isOpen && !endsInSpace { output.append(UInt8(ascii: " ")) }
        output.append(contentsOf: character)
        (isOpen, endsInSpace) = (false, false)
      }
    }
  }
}
