import ArgumentParser
import FileKit
import Foundation
import IntrayCore
import ModelStore
import Synchronization
import Tensors
import Tokenizers

struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how a model cuts texts into pieces: one text a line, one line for each.",
    discussion: "With --json each line is an object {text, pieces, ids}.")

  @Option(help: ArgumentHelp("A model of the store, or a model folder.", valueName: "name"))
  var model: String
  @Option(help: ArgumentHelp("Cut to this many tokens and add the special ones, as a job does.", valueName: "tokens"))
  var maxLength: Int?
  @Flag(help: "Print how fast the texts are cut instead, with one thread and with all.")
  var speed = false
  @Argument(help: "The file; standard input without it.", completion: .file())
  var file: String?
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Line: Encodable {
    var text: String
    var pieces: [String]
    var ids: [Int32]
  }

  private struct Speed: Encodable {
    var texts: Int
    var bytes: Int
    var tokens: Int
    /// MiB/s by the number of threads.
    var mebibytesPerSecond: [String: Double]

    enum CodingKeys: String, CodingKey {
      case texts, bytes, tokens
      case mebibytesPerSecond = "mib_per_s"
    }
  }

  func validate() throws {
    guard maxLength.map({ (3...100_000).contains($0) }) ?? true else {
      throw ValidationError("--max-length must be from 3 to 100000")
    }
  }

  func run() throws {
    let folder = try model.contains("/") ? model : ModelStore(configuration.read()).folder(of: model)
    let tokenizer = try TokenizerFolder.load(folder)
    let input = try Lines(file)
    if speed { return try show(speed(tokenizer, input)) }
    while let text = try input.next() {
      let ids = maxLength.map { tokenizer.encode(text, maxLength: $0).ids } ?? tokenizer.pieces(text).map(\.id)
      let line = Line(text: text, pieces: ids.map { tokenizer.piece($0) }, ids: ids)
      if format.json {
        try Output.jsonLine(line)
      } else {
        print(zip(line.pieces, line.ids).map { "\(Output.visible($0)) \($1)" }.joined(separator: "  "))
      }
    }
  }

  /// Cuts all texts from memory: reading and printing do not count.
  private func speed(_ tokenizer: any Tokenizer, _ input: Lines) throws -> Speed {
    var texts: [String] = []
    while let text = try input.next() { texts.append(text) }
    var result = Speed(
      texts: texts.count, bytes: texts.reduce(0) { $0 + $1.utf8.count }, tokens: 0, mebibytesPerSecond: [:])
    for threads in Set([1, ProcessInfo.processInfo.activeProcessorCount]).sorted() {
      let pool = ThreadPool(threads: threads)
      let tokens = Atomic(0)
      let piece = 32
      let began = ContinuousClock.now
      pool.run(.tokenising, chunks: (texts.count + piece - 1) / piece) { chunk in
        var count = 0
        for text in texts[chunk * piece..<min(texts.count, (chunk + 1) * piece)] {
          count += maxLength.map { tokenizer.encode(text, maxLength: $0).ids.count } ?? tokenizer.pieces(text).count
        }
        tokens.add(count, ordering: .relaxed)
      }
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      result.tokens = tokens.load(ordering: .relaxed)
      result.mebibytesPerSecond["\(threads)"] = seconds > 0 ? Double(result.bytes) / 1_048_576 / seconds : 0
    }
    return result
  }

  private func show(_ speed: Speed) throws {
    if format.json { return try Output.json(speed) }
    Output.pairs(
      [("texts", "\(speed.texts)"), ("size", Output.size(speed.bytes)), ("tokens", "\(speed.tokens)")]
        + speed.mebibytesPerSecond.sorted { $0.key < $1.key }.map { threads, rate in
          ("with \(threads) \(threads == "1" ? "thread" : "threads")", String(format: "%.1f MiB/s", rate))
        })
  }
}
