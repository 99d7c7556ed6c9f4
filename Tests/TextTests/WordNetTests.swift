import FileKit
import Foundation
import IntrayCore
import TestSupport
import Testing
import Text

@Suite struct WordNetTests {
  static let wordNet = Result { try WordNet() }

  private func fixture<Value: Decodable>(_ name: String) throws -> Value {
    let path = Checkout.fixture("wordnet/\(name)")
    return try JSON.decode(from: Data(contentsOf: URL(fileURLWithPath: path)), path: name)
  }

  @Test func `every word of the fixture has NLTK's lemma in each part of speech`() throws {
    let wordNet = try Self.wordNet.get()
    let rows: [[String]] = try fixture("lemmas.json")
    #expect(rows.count > 1000)
    for row in rows {
      let lemmas = WordNet.PartOfSpeech.allCases.map { wordNet.lemma(of: row[0], as: $0) }
      // By bytes: equal strings of Swift may be spelt in two ways.
      #expect(lemmas.map { Array($0.utf8) } == row.dropFirst().map { Array($0.utf8) }, "\(row[0].debugDescription)")
    }
  }

  @Test func `bytes and strings have the same lemmas`() throws {
    let wordNet = try Self.wordNet.get()
    var text: [UInt8] = []
    for word in ["churches", "Churches", "naïves", ""] {
      Array(word.utf8).withUnsafeBufferPointer { wordNet.appendLemma(of: $0, pos: .noun, to: &text) }
      text.append(UInt8(ascii: " "))
    }
    #expect(String(decoding: text, as: UTF8.self) == "church Churches naïves  ")
  }

  @Test func `synonyms are those of NLTK's synsets, in their order`() throws {
    struct Case: Decodable {
      var word: String
      var first: [String]
      var all: [String]
    }
    let wordNet = try Self.wordNet.get()
    let cases: [Case] = try fixture("synonyms.json")
    #expect(cases.count > 10)
    for test in cases {
      #expect(wordNet.synonyms(of: test.word, senses: .first) == test.first, "\(test.word)")
      #expect(wordNet.synonyms(of: test.word, senses: .all) == test.all, "\(test.word)")
    }
    #expect(wordNet.synonyms(of: "car", senses: .first) == ["auto", "automobile", "machine", "motorcar"])
  }

  @Test func `auto takes the part of speech in which the corpus has the lemma most often`() throws {
    let wordNet = try Self.wordNet.get()
    let expected = [
      "models": "model", "networks": "network", "does": "do", "was": "be", "has": "have", "working": "work",
      "proposed": "propose", "trained": "train", "based": "base", "larger": "large", "axes": "axis", "nodes": "node",
      "boxes": "box",
      "passes": "pass", "goes": "go", "flies": "fly", "data": "data",
      "children": "child", "bed": "bed", "seed": "seed", "us": "us", "his": "his", "its": "its", "as": "as",
      "this": "this", "more": "more", "Dogs": "Dogs", "resnets": "resnets", "aardwolves": "aardwolf",
    ]
    for (word, lemma) in expected { #expect(wordNet.lemma(of: word) == lemma, "\(word)") }
  }

  @Test func `many threads share one WordNet`() async throws {
    let wordNet = try Self.wordNet.get()
    let rows: [[String]] = try fixture("lemmas.json")
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask { rows.allSatisfy { wordNet.lemma(of: $0[0], as: .noun) == $0[1] } }
      }
      for await same in group { #expect(same) }
    }
  }

  @Test func `a missing WordNet says how to install it`() throws {
    let error = try #require(throws: IntrayError.self) { try WordNet(folder: "/nowhere") }
    #expect(error.code == .missing)
    #expect(error.location?.path == "/nowhere/index.noun")
    #expect(error.hint == "apt install wordnet-base")
  }
}

/// Files of a WordNet of a few words, and what becomes of faults in them.
@Suite struct WordNetFilesTests {
  /// File by name. Offsets are those of the lines, as in the real one.
  private static func files() -> [String: String] {
    let licence = "  1 This is no licence.  \n"
    func data(_ lines: [String]) -> (text: String, offsets: [String]) {
      var (text, offsets) = (licence, [String]())
      for line in lines {
        offsets.append(String(format: "%08d", text.utf8.count))
        text += "\(offsets.last ?? "") \(line)  \n"
      }
      return (text, offsets)
    }
    let noun = data([
      "05 n 03 dog 0 Domestic_dog 0 DOG 1 000 | a pet", "05 n 01 axis 0 000 | a line", "05 n 01 ax 1 000 | a tool",
    ])
    let verb = data(["38 v 02 dog 0 chase 0 000 | follow"])
    let adjective = data(["00 a 01 fine(p) 0 000 | good", "00 s 01 tiny 0 000 | small"])
    let adverb = data(["02 r 01 well 0 000 | in a good way"])
    return [
      "data.noun": noun.text, "data.verb": verb.text, "data.adj": adjective.text, "data.adv": adverb.text,
      "index.noun": licence + "ax n 1 0 1 0 \(noun.offsets[2])  \naxis n 1 0 1 1 \(noun.offsets[1])  \n"
        + "dog n 1 1 @ 1 1 \(noun.offsets[0])  \ndomestic_dog n 1 0 1 0 \(noun.offsets[0])  \n",
      "index.verb": licence + "chase v 1 0 1 0 \(verb.offsets[0])  \ndog v 1 0 1 0 \(verb.offsets[0])  \n",
      "index.adj": licence + "fine a 1 0 1 0 \(adjective.offsets[0])  \ntiny a 1 0 1 0 \(adjective.offsets[1])  \n",
      "index.adv": licence + "well r 1 0 1 0 \(adverb.offsets[0])  \n",
      "noun.exc": "axes ax axis missing\ngoes wrong\ngoes dog\n", "verb.exc": "", "adj.exc": "", "adv.exc": "",
      "cntlist.rev": "axis%1:06:00:: 1 7\ndog%2:38:00:: 1 2\ndog%1:05:00:: 1 1\ngone%1:05:00:: 1 1\n",
    ]
  }

  private func folder(_ files: [String: String] = files()) throws -> TemporaryFolder {
    let folder = try TemporaryFolder(isSmall: true)
    for (name, text) in files { try folder.write(text, to: name) }
    return folder
  }

  @Test func `a small WordNet works`() throws {
    let folder = try folder()
    let wordNet = try WordNet(folder: folder.path)
    #expect(wordNet.lemma(of: "dogs", as: .noun) == "dog")
    #expect(wordNet.lemma(of: "axes", as: .noun) == "ax")
    #expect(wordNet.lemma(of: "axes") == "axis")
    // The last of several lines counts.
    #expect(wordNet.lemma(of: "goes", as: .noun) == "dog")
    #expect(wordNet.lemma(of: "finest", as: .adjective) == "fine")
    #expect(wordNet.synonyms(of: "dog", senses: .first) == ["Domestic dog"])
    #expect(wordNet.synonyms(of: "dogs", senses: .all) == ["dog", "Domestic dog", "chase"])
    #expect(wordNet.synonyms(of: "fine", senses: .all) == [])
  }

  struct Fault: CustomTestStringConvertible {
    var file: String
    var line: Int?
    var message: String
    var from: String
    var to: String

    init(_ file: String, _ line: Int?, _ message: String, replacing from: String, by to: String) {
      (self.file, self.line, self.message, self.from, self.to) = (file, line, message, from, to)
    }

    var testDescription: String { "\(file): \(message)" }
  }

  static let faults = [
    Fault("index.noun", 4, "the part of speech is not 'n'", replacing: "dog n 1 1", by: "dog v 1 1"),
    Fault("index.noun", 4, "the number of synsets", replacing: "dog n 1 1", by: "dog n 0 1"),
    Fault("index.noun", 4, "the number of synsets", replacing: "dog n 1 1", by: "dog n 99999 1"),
    Fault("index.noun", 4, "the pointer symbols are missing", replacing: "dog n 1 1", by: "dog n 1 99"),
    Fault("index.noun", 4, "the number of senses", replacing: "dog n 1 1 @ 1", by: "dog n 1 1 @ 2"),
    Fault("index.noun", 4, "2 synsets are announced and 1 named", replacing: "dog n 1 1 @ 1", by: "dog n 2 1 @ 2"),
    Fault("index.noun", 4, "no lemma", replacing: "dog n 1 1", by: "dög n 1 1"),
    Fault("index.noun", 4, "no lemma", replacing: "dog n 1 1", by: "\n\ndog n 1 1"),
    Fault("index.noun", 4, "'axis' is there twice", replacing: "dog n 1 1", by: "axis n 1 1"),
    Fault("index.noun", 4, "the file ends within the line", replacing: "26  \n", by: "26"),
    Fault("noun.exc", 2, "not an inflected form", replacing: "goes wrong", by: "goes"),
    Fault("cntlist.rev", 2, "not a sense's key", replacing: "dog%2:38:00:: 1 2", by: "dog%2:38:00:: 1"),
    Fault("cntlist.rev", 2, "not a sense's key", replacing: "dog%2", by: "dog%9"),
    Fault("cntlist.rev", 2, "not a sense's key", replacing: "dog%2:38:00:: 1 2", by: "dog% 1 2"),
    Fault("data.noun", 2, "not a synset of byte 26", replacing: "00000026 05 n 03", by: "00000027 05 n 03"),
    Fault("data.noun", 2, "not a synset of byte 26", replacing: "05 n 03 dog", by: "05 v 02 dog"),
    Fault("data.noun", 2, "not a synset of byte 26", replacing: "05 n 03 dog", by: "05 n xx dog"),
    Fault(
      "data.noun", nil, "no synset at byte 26, where index.noun has one of 'dog'", replacing: "00000026 05",
      by: " 0000026 05"),
    Fault(
      "index.noun", nil, "3 senses, where the synsets of data.noun have 4 words", replacing: "axis n", by: " axis n"),
    Fault("data.noun", 2, "not a synset", replacing: "03 dog", by: "ff dog"),
  ]

  @Test(arguments: faults) func `a fault is refused with its file and line`(fault: Fault) throws {
    var files = Self.files()
    let text = try #require(files[fault.file])
    #expect(text.contains(fault.from))
    files[fault.file] = text.replacing(fault.from, with: fault.to)
    let folder = try folder(files)
    let error = try #require(throws: IntrayError.self) { try WordNet(folder: folder.path) }
    #expect(error.code == .data)
    #expect(error.location == .init("\(folder.path)/\(fault.file)", line: fault.line), "\(error)")
    #expect(error.message.contains(fault.message), "\(error)")
    #expect(error.hint == "apt install --reinstall wordnet-base")
  }

  @Test func `an index or data file that is cut off anywhere is refused`() throws {
    for name in Self.files().keys where name.hasPrefix("index") || name.hasPrefix("data") {
      let whole = try #require(Self.files()[name])
      for length in 0..<whole.utf8.count {
        var files = Self.files()
        files[name] = String(decoding: whole.utf8.prefix(length), as: UTF8.self)
        let folder = try folder(files)
        #expect(throws: IntrayError.self, "\(name), \(length) bytes") { try WordNet(folder: folder.path) }
      }
    }
  }

  @Test func `each file must be there and be readable`() throws {
    for name in Self.files().keys {
      var files = Self.files()
      files[name] = nil
      let folder = try folder(files)
      let error = try #require(throws: IntrayError.self) { try WordNet(folder: folder.path) }
      #expect(error.code == .missing && error.location?.path == "\(folder.path)/\(name)")
    }
    let folder = try folder()
    for number in 1... {
      let fault = FileKit.Fault(at: number, .fail(EIO))
      let opened = Result { try FaultInjection.with(fault) { try WordNet(folder: folder.path) } }
      guard fault.fired else {
        #expect(try opened.get().lemma(of: "dogs", as: .noun) == "dog")
        #expect(number > 13)
        break
      }
      #expect(throws: IntrayError.self) { try opened.get() }
    }
  }
}
