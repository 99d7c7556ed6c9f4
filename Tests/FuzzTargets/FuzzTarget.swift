import Foundation
import IntrayCore

/// A parser of bytes that come from outside the process, as a function that takes any bytes.
///
/// (1) A run ends with no error, whatever the bytes are: the parser read them, or refused them with an `IntrayError`. Any
///     other error, a trap and a broken promise of the parser (what was read and written again is the same) is a fault.
///
/// `make fuzz` looks for such bytes; the test in `FuzzTests` holds each to what `Tests/Fuzzing/corpus` keeps.
public enum FuzzTarget: String, CaseIterable, Sendable {
  /// Specs, and what a runner says about its parameters.
  case spec
  /// `intray.yaml`.
  case configuration
  /// Tables, whatever the delimiter.
  case csv
  /// JSON of known and of any shape.
  case json
  /// The worker's pipe, its task, the control socket's lines.
  case messages
  case safetensors
  /// A model folder: `config.json`, the byte FF, `model.safetensors`.
  case model
  /// A tokenizer's folder and a text, with the byte FF between them: `tokenizer.json`, `tokenizer_config.json`,
  /// `vocab.txt`, the text.
  case tokenizer
  /// A text for the tokenizer and for cleaning.
  case text
  /// Phrase tables and dictionaries, compiled and looked into.
  case phrases
  /// Tables of translated sentences.
  case sentences
  /// A compiled table of translations whose checksums are right.
  case index
  /// WordNet's files, with the byte FF between them.
  case wordnet

  /// - Parameter folder: a folder for its files, which are written over.
  /// - Throws: what no parser may throw, and `Broken`.
  public func run(_ bytes: Data, in folder: String) throws {
    do {
      switch self {
      case .spec: try Self.spec(bytes)
      case .configuration: try Self.configuration(bytes)
      case .csv: try Self.csv(bytes, folder)
      case .json: try Self.json(bytes)
      case .messages: try Self.messages(bytes)
      case .safetensors: try Self.safetensors(bytes, folder)
      case .model: try Self.model(bytes, folder)
      case .tokenizer: try Self.tokenizer(bytes, folder)
      case .text: try Self.text(bytes, folder)
      case .phrases: try Self.phrases(bytes, folder)
      case .sentences: try Self.sentences(bytes, folder)
      case .index: try Self.index(bytes, folder)
      case .wordnet: try Self.wordnet(bytes, folder)
      }
    } catch is IntrayError {
      // Refused, as it should be.
    }
  }

  /// A promise that a parser did not keep.
  public struct Broken: Error {
    public let promise: String
  }

  static func check(_ isKept: Bool, _ promise: String) throws {
    if !isKept { throw Broken(promise: promise) }
  }

  /// The parts between bytes FF, which stand in no UTF-8; the last takes the rest.
  static func parts(_ bytes: Data, atMost count: Int) -> [Data] {
    bytes.split(separator: 0xFF, maxSplits: count - 1, omittingEmptySubsequences: false).map { Data($0) }
  }

  /// Writes each part that is not empty under its name; the other names are no files.
  static func write(_ parts: [Data], as names: [String], to folder: String) throws {
    for (index, name) in names.enumerated() {
      let path = "\(folder)/\(name)"
      if index < parts.count, !parts[index].isEmpty {
        try parts[index].write(to: URL(fileURLWithPath: path))
      } else if FileManager.default.fileExists(atPath: path) {
        try FileManager.default.removeItem(atPath: path)
      }
    }
  }
}
