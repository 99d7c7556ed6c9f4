import FileKit
import Foundation
import IntrayCore

/// The files of WordNet, as wndb(5WN) and cntlist(5WN) describe them.
///
/// (1) Every line of every file is read, and what an index says is held against the data: a file that was cut off, or is of
///     another version than the rest, is refused. Only an exception list, or the counts, cut off between two lines cannot be
///     told from a shorter one.
struct WordNetFiles {
  /// None of WordNet's has a tenth of it.
  private static let sizeLimit = 256 << 20
  /// WordNet's longest has 71 letters, its most frequent verb 59 senses.
  private static let longestWord = 255
  private static let mostSenses = 4096

  private let folder: String

  init(_ folder: String) { self.folder = folder }

  func read() throws -> (WordNet.Lexicon, [MappedFile]) {
    var lexicon = WordNet.Lexicon()
    for part in WordNet.PartOfSpeech.allCases { try readIndex(part, into: &lexicon) }
    for part in WordNet.PartOfSpeech.allCases { try readExceptions(part, into: &lexicon) }
    try readCounts(into: &lexicon)
    let data = try WordNet.PartOfSpeech.allCases.map { try map("data.\($0.suffix)") }
    for (part, file) in zip(WordNet.PartOfSpeech.allCases, data) { try check(file, part, against: lexicon) }
    return (lexicon, data)
  }

  private func map(_ name: String) throws -> MappedFile {
    do {
      let file = try MappedFile("\(folder)/\(name)")
      guard file.bytes.count <= Self.sizeLimit else {
        throw IntrayError(.data, "larger than any file of WordNet", at: .init(file.path))
      }
      return file
    } catch var error as IntrayError where error.code == .missing {
      error.hint = WordNet.installation
      throw error
    }
  }

  /// `dog n 7 5 @ ~ #m #p %p 7 1 02084071 ...`: lemma, part of speech, synsets, the number of pointer symbols and these, the
  /// synsets again, how many of them are ranked by frequency, and where each is.
  private func readIndex(_ part: WordNet.PartOfSpeech, into lexicon: inout WordNet.Lexicon) throws {
    let file = try map("index.\(part.suffix)")
    var senses: [UInt32] = []
    var words = 0
    try Line.forEach(of: file) { line in
      if line.isHeader { return }
      var fields = line.fields
      guard let lemma = fields.next(), Self.isWord(lemma) else { throw line.fault("no lemma") }
      guard let letter = fields.next(), letter.count == 1, letter.first == part.letter else {
        throw line.fault("the part of speech is not '\(Character(Unicode.Scalar(part.letter)))'")
      }
      guard let synsets = fields.nextNumber(), (1...Self.mostSenses).contains(synsets) else {
        throw line.fault("the number of synsets is missing or not from 1 to \(Self.mostSenses)")
      }
      guard let pointers = fields.nextNumber(), pointers <= 1000,
        (0..<pointers).allSatisfy({ _ in fields.next() != nil })
      else {
        throw line.fault("the pointer symbols are missing")
      }
      guard fields.nextNumber() == synsets, fields.nextNumber() != nil else {
        throw line.fault("the number of senses is not that of synsets, \(synsets)")
      }
      senses.removeAll(keepingCapacity: true)
      while let offset = fields.nextNumber(), offset <= Self.sizeLimit { senses.append(UInt32(offset)) }
      guard senses.count == synsets, fields.next() == nil else {
        throw line.fault("\(synsets) synsets are announced and \(senses.count) named")
      }
      guard lexicon.add(lemma, as: part, senses: senses) else {
        throw line.fault("'\(String(decoding: lemma, as: UTF8.self))' is there twice")
      }
      words += 1
    }
    guard words > 0 else { throw IntrayError(.data, "no word in it", at: .init(file.path), hint: WordNet.repair) }
  }

  /// `axes axis ax axe`: an inflected form and its bases.
  private func readExceptions(_ part: WordNet.PartOfSpeech, into lexicon: inout WordNet.Lexicon) throws {
    try Line.forEach(of: map("\(part.suffix).exc")) { line in
      var fields = line.fields
      guard let form = fields.next(), Self.isWord(form), let base = fields.next() else {
        throw line.fault("not an inflected form and its bases")
      }
      var bases = [base]
      while let base = fields.next() { bases.append(base) }
      lexicon.addException(form, as: part, bases: bases)
    }
  }

  /// `dog%1:05:00:: 1 42`: a sense's key, its number, and how often the corpus has it. Some keys, 733 of 37,387, are of
  /// words that WordNet has dropped from the index since.
  private func readCounts(into lexicon: inout WordNet.Lexicon) throws {
    try Line.forEach(of: map("cntlist.rev")) { line in
      var fields = line.fields
      guard let key = fields.next(), let percent = key.firstIndex(of: UInt8(ascii: "%")), percent + 1 < key.count,
        let part = WordNet.PartOfSpeech(senseKey: key[percent + 1]), fields.nextNumber() != nil,
        let count = fields.nextNumber(), fields.next() == nil
      else {
        throw line.fault("not a sense's key, its number, and its count")
      }
      lexicon.count(UnsafeBufferPointer(rebasing: key[..<percent]), as: part, times: UInt32(clamping: count))
    }
  }

  /// Each synset must be where it says it is, each that the index names must be there, and the index must have as many senses
  /// as the synsets have words.
  private func check(_ file: MappedFile, _ part: WordNet.PartOfSpeech, against lexicon: WordNet.Lexicon) throws {
    // A bit for each byte, set where a synset starts: an index has its words in another order than the file.
    var starts = [UInt64](repeating: 0, count: file.bytes.count / 64 + 1)
    var (words, senses) = (0, 0)
    try Line.forEach(of: file) { line in
      if line.isHeader { return }
      guard let synset = Synset(file.bytes, at: line.offset), synset.part == part else {
        throw line.fault("not a synset of byte \(line.offset) and its words")
      }
      starts[line.offset / 64] |= 1 << UInt64(line.offset % 64)
      words += synset.distinctWords
    }
    for number in 0..<lexicon.words.count where lexicon.has(number, as: part) {
      for offset in lexicon.senses(of: number, as: part) {
        let place = Int(offset)
        guard place < file.bytes.count, starts[place / 64] & 1 << UInt64(place % 64) != 0 else {
          throw IntrayError(
            .data, "no synset at byte \(offset), where index.\(part.suffix) has one of '\(lexicon.text(number))'",
            at: .init(file.path), hint: WordNet.repair)
        }
        senses += 1
      }
    }
    guard words == senses else {
      throw IntrayError(
        .data, "\(senses) senses, where the synsets of data.\(part.suffix) have \(words) words",
        at: .init("\(folder)/index.\(part.suffix)"), hint: WordNet.repair)
    }
  }

  private static func isWord(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
    word.count <= longestWord && word.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

/// A line of `data.*`, as far as its words: `02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 ...`.
struct Synset {
  let part: WordNet.PartOfSpeech
  /// In WordNet's spelling, with `_` for the space.
  private(set) var words: [UnsafeBufferPointer<UInt8>] = []

  /// Nil when there is no synset at this place.
  init?(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    guard offset < bytes.count else { return nil }
    var fields = Fields(UnsafeBufferPointer(rebasing: bytes.bindMemory(to: UInt8.self)[offset...]))
    guard fields.nextNumber() == offset, fields.nextNumber() != nil, let kind = fields.next(), kind.count == 1,
      let letter = kind.first, let part = WordNet.PartOfSpeech(letter: letter),
      let count = fields.nextNumber(radix: 16), count > 0, count <= 255
    else { return nil }
    self.part = part
    words.reserveCapacity(count)
    for _ in 0..<count {
      guard let word = fields.next(), fields.nextNumber(radix: 16) != nil else { return nil }
      // An adjective's place in the sentence: galore(ip).
      let end = word.last == UInt8(ascii: ")") ? word.firstIndex(of: UInt8(ascii: "(")) : nil
      words.append(UnsafeBufferPointer(rebasing: word[..<(end ?? word.count)]))
    }
  }

  /// The words that differ not only in case: the index, which is in lower case, has them once.
  var distinctWords: Int {
    words.indices.count { place in !words[..<place].contains { Self.isSame($0, words[place]) } }
  }

  private static func isSame(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    for place in 0..<a.count where a[place].lowercasedASCII != b[place].lowercasedASCII { return false }
    return true
  }
}

/// A line of a file, without its end.
private struct Line {
  let bytes: UnsafeBufferPointer<UInt8>
  /// From 1.
  let number: Int
  /// Of its first byte in the file.
  let offset: Int
  private let path: String

  /// The licence, at the beginning of a file.
  var isHeader: Bool { bytes.first == UInt8(ascii: " ") }

  var fields: Fields { Fields(bytes) }

  func fault(_ message: String) -> IntrayError {
    IntrayError(.data, message, at: .init(path, line: number), hint: WordNet.repair)
  }

  static func forEach(of file: MappedFile, _ body: (Line) throws -> Void) throws {
    let bytes = file.bytes.bindMemory(to: UInt8.self)
    var (place, number) = (0, 1)
    while place < bytes.count, let base = bytes.baseAddress {
      let end = memchr(base + place, Int32(UInt8(ascii: "\n")), bytes.count - place).map {
        UnsafeRawPointer(base).distance(to: $0)
      }
      let line = Line(
        bytes: UnsafeBufferPointer(rebasing: bytes[place..<(end ?? bytes.count)]), number: number, offset: place,
        path: file.path)
      guard let end else { throw line.fault("the file ends within the line") }
      try body(line)
      place = end + 1
      number += 1
    }
  }
}

/// The fields of a line, which are separated by spaces.
private struct Fields {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var place = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// Nil at the line's end.
  mutating func next() -> UnsafeBufferPointer<UInt8>? {
    while place < bytes.count, bytes[place] == UInt8(ascii: " ") { place += 1 }
    let start = place
    while place < bytes.count, bytes[place] != UInt8(ascii: " "), bytes[place] != UInt8(ascii: "\n") { place += 1 }
    return place > start ? UnsafeBufferPointer(rebasing: bytes[start..<place]) : nil
  }

  /// Nil also where the next field is no number, or one of more than 15 digits.
  mutating func nextNumber(radix: Int = 10) -> Int? {
    guard let field = next(), field.count <= 15 else { return nil }
    var number = 0
    for byte in field {
      let digit =
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x61...0x66: Int(byte) - 0x61 + 10
        case 0x41...0x46: Int(byte) - 0x41 + 10
        default: radix
        }
      guard digit < radix else { return nil }
      number = number * radix + digit
    }
    return number
  }
}

extension WordNet {
  static let repair = "apt install --reinstall wordnet-base"
}

extension WordNet.PartOfSpeech {
  /// Of its files' names.
  fileprivate var suffix: String {
    switch self {
    case .noun: "noun"
    case .verb: "verb"
    case .adjective: "adj"
    case .adverb: "adv"
    }
  }

  fileprivate var letter: UInt8 {
    switch self {
    case .noun: UInt8(ascii: "n")
    case .verb: UInt8(ascii: "v")
    case .adjective: UInt8(ascii: "a")
    case .adverb: UInt8(ascii: "r")
    }
  }

  /// A synset's type; `s` is a satellite, an adjective too.
  fileprivate init?(letter: UInt8) {
    switch letter {
    case UInt8(ascii: "n"): self = .noun
    case UInt8(ascii: "v"): self = .verb
    case UInt8(ascii: "a"), UInt8(ascii: "s"): self = .adjective
    case UInt8(ascii: "r"): self = .adverb
    default: return nil
    }
  }

  /// The digit in a sense's key, senseidx(5WN); 5 is a satellite.
  fileprivate init?(senseKey digit: UInt8) {
    switch digit {
    case UInt8(ascii: "1"): self = .noun
    case UInt8(ascii: "2"): self = .verb
    case UInt8(ascii: "3"), UInt8(ascii: "5"): self = .adjective
    case UInt8(ascii: "4"): self = .adverb
    default: return nil
    }
  }
}
