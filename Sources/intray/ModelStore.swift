import FileKit
import Foundation
import IntrayCore
import Models
import SpecFile
import Tensors
import Tokenizers

/// The folder of models, one Hugging Face folder each.
///
/// (1) A model is in the store whole or not at all: what is being made or removed has a hidden name.
struct ModelStore {
  let folder: String

  init(_ configuration: Configuration) {
    folder = configuration.models
  }

  func names() throws -> [String] {
    guard try Files.status(folder) != nil else { return [] }
    return try Files.list(folder).filter { !$0.hasPrefix(".") }
  }

  func summary(_ name: String) throws -> ModelSummary {
    try ModelSummary(name: name, folder: try folder(of: name))
  }

  /// - Throws: `IntrayError(.missing)` with the nearest name.
  func folder(of name: String) throws -> String {
    let known = try names()
    guard known.contains(name) else {
      throw IntrayError(.missing, "no model '\(name)' in \(folder)", hint: Suggestion.hint(for: name, among: known))
    }
    return "\(folder)/\(name)"
  }

  /// What a spec's `model` means: a name in the store, or a path.
  func folder(orPath text: String) throws -> String {
    text.contains("/") ? text : try folder(of: text)
  }

  func add(_ source: String, as name: String, force: Bool) throws {
    guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), name.utf8.count <= 200 else {
      throw IntrayError(.usage, "'\(name)' is no name for a model", hint: "no '/', no dot in front")
    }
    let target = "\(folder)/\(name)"
    let isThere = try Files.status(target) != nil
    guard force || !isThere else {
      throw IntrayError(.usage, "there is a model '\(name)' already", hint: "use --force to replace it, or --name")
    }
    try check(source)
    try Files.makeFolder(folder)
    let temporary = "\(folder)/\(Files.temporaryName())"
    defer { try? Files.remove(temporary) }
    try Files.copyTree(source, to: temporary)
    try Files.syncTree(temporary)
    if isThere {
      // What was there moves to the temporary name, and goes with it.
      try Files.exchange(temporary, target)
    } else {
      try Files.rename(temporary, to: target)
    }
    try Files.syncFolder(folder)
  }

  func remove(_ name: String) throws {
    let temporary = "\(folder)/\(Files.temporaryName())"
    try Files.rename(try folder(of: name), to: temporary)
    try Files.remove(temporary)
  }

  /// Opens the folder as a job would, so that nothing unusable comes into the store.
  private func check(_ source: String) throws {
    let configuration = try ModelConfiguration.read(folder: source)
    _ = try SequenceClassifier.load(
      folder: source, labels: configuration.labels ?? ["label"], pool: ThreadPool(threads: 1))
    let tokenizer = try TokenizerFolder.load(source)
    guard tokenizer.vocabularySize <= configuration.vocabularySize else {
      throw IntrayError(
        .model, "the tokenizer has \(tokenizer.vocabularySize) pieces, the model \(configuration.vocabularySize)",
        at: .init(source))
    }
  }
}

/// What a model folder holds, as far as its config.json and its files say.
struct ModelSummary: Encodable {
  var name: String
  var path: String
  var type = "bert"
  var layers: Int
  var hidden: Int
  var vocabulary: Int
  var positions: Int
  var bytes: Int
  var head: String?
  var labels: [String]?

  init(name: String, folder: String) throws {
    let configuration = try ModelConfiguration.read(folder: folder)
    self.name = name
    path = folder
    layers = configuration.layers
    hidden = configuration.hiddenSize
    vocabulary = configuration.vocabularySize
    positions = configuration.maxPositions
    head = configuration.head?.rawValue
    labels = configuration.labels
    bytes = try Files.status("\(folder)/model.safetensors")?.size ?? 0
  }

  var shape: String { "\(layers) layers x \(hidden)" }
}
