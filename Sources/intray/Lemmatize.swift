import ArgumentParser
import Foundation
import IntrayCore
import Synchronization
import Tensors
import Text

struct Lemmatize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the lemmas of words: one word a line, one line for each.",
    discussion: """
      A line has the word's lemmas as noun, verb, adjective and adverb, and as the part of speech that 'auto' chooses. \
      With --json it is an object.
      """)

  @Flag(help: "Print how fast the words are looked up instead, with one thread and with all.")
  var speed = false
  @Option(help: ArgumentHelp("The part of speech that --speed looks up.", valueName: "part"))
  var pos = LemmaPart.noun
  @Option(help: ArgumentHelp("The folder of WordNet's files.", valueName: "folder"))
  var wordnet = WordNet.folder
  @Argument(help: "The file; standard input without it.", completion: .file())
  var file: String?
  @OptionGroup var format: FormatOption

  private struct Line: Encodable {
    var word: String
    var lemmas: [String: String]
  }

  private struct Speed: Encodable {
    var words: Int
    var bytes: Int
    var changed: Int
    /// By the number of threads.
    var wordsPerSecond: [String: Double]

    enum CodingKeys: String, CodingKey {
      case words, bytes, changed
      case wordsPerSecond = "words_per_s"
    }
  }

  func run() throws {
    let wordNet = try WordNet(folder: wordnet)
    let input = try Lines(file)
    if speed { return try show(speed(wordNet, input)) }
    while let word = try input.next() {
      let lemmas = LemmaPart.allCases.map { (part: $0.rawValue, lemma: wordNet.lemma(of: word, pos: $0)) }
      if format.json {
        try Output.jsonLine(
          Line(word: word, lemmas: Dictionary(uniqueKeysWithValues: lemmas.map { ($0.part, $0.lemma) })))
      } else {
        print(([word] + lemmas.map(\.lemma)).map(Output.visible).joined(separator: "\t"))
      }
    }
  }

  /// Appends all lemmas to a text, as cleaning does, from memory: reading and printing do not count.
  private func speed(_ wordNet: WordNet, _ input: Lines) throws -> Speed {
    var bytes: [UInt8] = []
    var ends = [0]
    while let word = try input.next() {
      bytes += word.utf8
      ends.append(bytes.count)
    }
    let words = ends.count - 1
    let part = pos
    var result = Speed(words: words, bytes: bytes.count, changed: 0, wordsPerSecond: [:])
    for threads in Set([1, ProcessInfo.processInfo.activeProcessorCount]).sorted() {
      let pool = ThreadPool(threads: threads)
      let changed = Atomic(0)
      let piece = 4096
      let began = ContinuousClock.now
      bytes.withUnsafeBufferPointer { bytes in
        pool.run(.measuring, chunks: (words + piece - 1) / piece) { chunk in
          var count = 0
          var lemmas: [UInt8] = []
          lemmas.reserveCapacity(16 * piece)
          for word in chunk * piece..<min(words, (chunk + 1) * piece) {
            let word = UnsafeBufferPointer(rebasing: bytes[ends[word]..<ends[word + 1]])
            let start = lemmas.count
            wordNet.appendLemma(of: word, pos: part, to: &lemmas)
            let isSame = lemmas.withUnsafeBufferPointer { lemmas in
              guard lemmas.count - start == word.count, let lemma = lemmas.baseAddress, let word = word.baseAddress
              else {
                return lemmas.count - start == word.count
              }
              return memcmp(lemma + start, word, lemmas.count - start) == 0
            }
            if !isSame { count += 1 }
          }
          changed.add(count, ordering: .relaxed)
        }
      }
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      result.changed = changed.load(ordering: .relaxed)
      result.wordsPerSecond["\(threads)"] = seconds > 0 ? Double(words) / seconds : 0
    }
    return result
  }

  private func show(_ speed: Speed) throws {
    if format.json { return try Output.json(speed) }
    Output.pairs(
      [("words", "\(speed.words)"), ("changed", "\(speed.changed)")]
        + speed.wordsPerSecond.sorted { $0.key < $1.key }.map { threads, rate in
          (
            "with \(threads) \(threads == "1" ? "thread" : "threads")",
            String(format: "%.1f million a second", rate / 1e6)
          )
        })
  }
}

extension LemmaPart: ExpressibleByArgument {}
