import ArgumentParser
import Foundation
import IntrayCore
import ModelStore
import Models
import Tensors
import Tokenizers
import Training

struct Speed: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how fast a model trains and predicts here, with one thread and with all.",
    discussion: """
      The texts are a line each. The numbers of threads take turns with the same texts, within one process, each with a \
      model of its own. Nothing is kept.
      """)

  @Option(help: ArgumentHelp("A model of the store, or a model folder.", valueName: "name"))
  var model: String
  @Option(help: ArgumentHelp("Only this precision; otherwise all that this CPU has instructions for."))
  var precision: Precision?
  @Option(help: ArgumentHelp("Cut to this many tokens, special ones included.", valueName: "tokens"))
  var maxLength = 256
  @Option(help: ArgumentHelp("Texts of a training step.", valueName: "texts"))
  var batchSize = 16
  @Option(
    help: ArgumentHelp("Training steps that count, and pieces of 64 texts that are labelled.", valueName: "turns"))
  var turns = 10
  @Option(help: ArgumentHelp("Compare one thread with so many; otherwise with one for each CPU.", valueName: "number"))
  var threads: Int?
  @Argument(help: "The file; standard input without it.", completion: .file())
  var file: String?
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Report: Encodable {
    var texts: Int
    /// Of all texts, as they are cut.
    var tokens: Int
    var speeds: [Line] = []
  }

  private struct Line: Encodable {
    var work: String
    var precision: Precision
    var threads: Int
    var tokensPerSecond: Double
    var phaseSeconds: [String: Double]

    enum CodingKeys: String, CodingKey {
      case work, precision, threads
      case tokensPerSecond = "tokens_per_s"
      case phaseSeconds = "phase_seconds"
    }

    init(_ work: StepSpeed.Work, _ precision: Precision, _ speed: StepSpeed) {
      self.work = work.rawValue
      self.precision = precision
      threads = speed.threads
      tokensPerSecond = speed.tokensPerSecond
      phaseSeconds = Dictionary(uniqueKeysWithValues: speed.phases.map { ($0.name, $1.wall) })
    }
  }

  /// Labels in a piece of work that does not depend on the size of batches.
  private static let labelled = 64

  func validate() throws {
    for (option, value, range) in [
      ("max-length", maxLength, 3...100_000), ("batch-size", batchSize, 1...4096), ("turns", turns, 1...100_000),
      ("threads", threads ?? 1, 1...256),
    ] where !range.contains(value) {
      throw ValidationError("--\(option) must be from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  func run() throws {
    let folder = try model.contains("/") ? model : ModelStore(configuration.read()).folder(of: model)
    let tokenizer = try TokenizerFolder.load(folder)
    let input = try Lines(file)
    var encodings: [Encoding] = []
    while let text = try input.next() { encodings.append(tokenizer.encode(text, maxLength: maxLength)) }
    guard !encodings.isEmpty else {
      throw IntrayError(
        .data, "no text to measure with", at: .init(file ?? "standard input"), hint: "give a text a line")
    }
    let shape = try ModelConfiguration.read(folder: folder)
    let precisions =
      try precision.map { [try shape.precision($0)] } ?? Precision.allCases.filter { $0.isNative && shape.fits($0) }
    var report = Report(texts: encodings.count, tokens: encodings.reduce(0) { $0 + $1.ids.count })
    for work in StepSpeed.Work.allCases {
      for precision in precisions {
        if work == .training && precision == .int8 { continue }
        let speeds = try StepSpeed.measure(
          work, encodings, rows: work == .training ? batchSize : Self.labelled, turns: turns,
          threads: Set([1, threads ?? ProcessInfo.processInfo.activeProcessorCount]).sorted()
        ) { pool in
          try SequenceClassifier.load(folder: folder, labels: ["a", "b"], precision: precision, pool: pool)
        }
        report.speeds += speeds.map { Line(work, precision, $0) }
        if !format.json { show(work, precision, speeds) }
      }
    }
    if format.json { try Output.json(report) }
  }

  /// A line as soon as it is known.
  private func show(_ work: StepSpeed.Work, _ precision: Precision, _ speeds: [StepSpeed]) {
    let rates = speeds.map { speed in
      String(
        format: "%.0f tokens/s with %d %@", speed.tokensPerSecond, speed.threads,
        speed.threads == 1 ? "thread" : "threads")
    }
    var line = "\(work.rawValue) \(precision.rawValue): \(rates.joined(separator: ", "))"
    if let one = speeds.first, let all = speeds.last, speeds.count > 1 {
      line += String(format: ", %.2f times as fast", all.tokensPerSecond / one.tokensPerSecond)
    }
    print(line)
    fflush(nil)
  }
}

extension Precision: ExpressibleByArgument {}
