import ArgumentParser
import FileKit
import Foundation
import IntrayCore
import ModelStore
import Tokenizers

struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how a model cuts texts into pieces: one text a line, one line for each.",
    discussion: "With --json each line is an object {text, pieces, ids}.")

  @Option(help: ArgumentHelp("A model of the store, or a model folder.", valueName: "name"))
  var model: String
  @Option(help: ArgumentHelp("Cut to this many tokens and add the special ones, as a job does.", valueName: "tokens"))
  var maxLength: Int?
  @Argument(help: "The file; standard input without it.", completion: .file())
  var file: String?
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Line: Encodable {
    var text: String
    var pieces: [String]
    var ids: [Int32]
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
}

/// The lines of a file or of standard input, whatever their length.
private final class Lines {
  private let file: UnsafeMutablePointer<FILE>
  private let name: String
  private var number = 0
  private var line: UnsafeMutablePointer<CChar>?
  private var capacity = 0

  /// - Parameter path: nil is standard input.
  init(_ path: String?) throws {
    name = path ?? "standard input"
    guard let file = path.map({ fopen($0, "re") }) ?? fdopen(STDIN_FILENO, "r") else {
      throw IntrayError(errno == ENOENT ? .missing : .system, "cannot be opened: \(reason())", at: .init(name))
    }
    self.file = file
  }

  deinit {
    free(line)
    fclose(file)
  }

  /// A line without its end; nil at the end of the file.
  func next() throws -> String? {
    let count = getline(&line, &capacity, file)
    guard count >= 0, let line else {
      guard ferror(file) == 0 else { throw IntrayError(.system, "cannot be read: \(reason())", at: .init(name)) }
      return nil
    }
    number += 1
    var bytes = UnsafeRawBufferPointer(start: line, count: count)[...]
    if bytes.last == UInt8(ascii: "\n") { bytes = bytes.dropLast() }
    if bytes.last == UInt8(ascii: "\r") { bytes = bytes.dropLast() }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw IntrayError(.data, "not UTF-8", at: .init(name, line: number))
    }
    return text
  }
}

private func reason() -> String { String(cString: strerror(errno)) }
