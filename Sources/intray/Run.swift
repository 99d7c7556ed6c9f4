import ArgumentParser
import FileKit
import Foundation
import IntrayCore
import Service
import WorkerLink

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a job here and now, without the daemon.",
    discussion: """
      The same checks, the same worker and the same result folder as with the daemon. Ctrl-C saves the state; the same \
      command goes on from there.
      """)

  @Argument(help: "The spec; its data files lie beside it.", completion: .file(extensions: ["yaml", "yml"]))
  var spec: String
  @Option(
    help: ArgumentHelp("Where the result folder goes; without it, the configuration's outbox.", valueName: "dir"),
    completion: .directory)
  var outbox: String?
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Report: Encodable {
    var folder: String
    var isEarlier: Bool
    var metrics: JSONValue
  }

  func run() throws {
    let bar = ProgressBar()
    let result = try ForegroundRun(spec: spec, configuration: configuration.read(), outbox: outbox).run { event in
      switch event {
      case .started(let attempt): if attempt > 1 { bar.note("attempt \(attempt) begins") }
      case .log(let line): if line.level.rawValue <= LogLine.Level.info.rawValue { bar.note(line.text) }
      case .progress(let progress): bar.show(progress)
      case .attemptFailed(let error, let delay):
        bar.note("the attempt failed: \(error); the next one begins in \(delay.formatted(.units(width: .narrow)))")
      case .delayed(let error): bar.note("\(error); trying again")
      }
    }
    bar.end()
    let metrics = try Metrics.read(folder: result.folder)
    if format.json {
      return try Output.json(Report(folder: result.folder, isEarlier: result.isEarlier, metrics: metrics))
    }
    if result.isEarlier { Output.note("the same job was done before; `force: true` in the spec runs it again") }
    print(result.folder)
    Output.pairs(Metrics.pairs(metrics))
  }
}

/// A result's metrics.json, as far as it can be shown in lines.
enum Metrics {
  static func read(folder: String) throws -> JSONValue {
    let path = "\(folder)/metrics.json"
    guard try Files.status(path) != nil else { return .object([:]) }
    return try JSON.decode(from: Files.read(path), path: path)
  }

  /// Numbers and short texts at the top.
  static func pairs(_ metrics: JSONValue) -> [(String, String)] {
    (metrics.object ?? [:]).sorted { $0.key < $1.key }.compactMap { name, value in
      text(value).map { ("  \(name)", $0) }
    }
  }

  static func text(_ value: JSONValue) -> String? {
    switch value {
    case .int(let number): "\(number)"
    case .double(let number): String(format: "%.4g", number)
    case .bool(let flag): "\(flag)"
    case .string(let text): text.count <= 80 ? text : nil
    case .null, .array, .object: nil
    }
  }
}

extension LogLine {
  /// `10:15:30 message`, without control characters. The fields are for programs: `--json` has them.
  var text: String {
    let mark = level.rawValue <= Level.warning.rawValue ? "\(level == .error ? "ERROR" : "warning"): " : ""
    return Output.visible("\(Output.time(time, "%T")) \(mark)\(message)")
  }
}
