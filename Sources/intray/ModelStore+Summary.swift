import FileKit
import Foundation
import IntrayCore
import ModelStore
import Models
import SpecFile
import Tensors
import Tokenizers

extension ModelStore {
  init(_ configuration: Configuration) { self.init(configuration.models) }

  func summary(_ name: String) throws -> ModelSummary {
    try ModelSummary(name: name, folder: try folder(of: name))
  }

  /// Opens the folder as a job would, and takes it in: nothing unusable comes into the store.
  func add(_ source: String, as name: String, force: Bool) throws {
    try check(name: name, replacing: force)
    let configuration = try ModelConfiguration.read(folder: source)
    _ = try SequenceClassifier.load(
      folder: source, labels: configuration.labels ?? ["label"], pool: ThreadPool(threads: 1))
    let tokenizer = try TokenizerFolder.load(source)
    guard tokenizer.vocabularySize <= configuration.vocabularySize else {
      throw IntrayError(
        .model, "the tokenizer has \(tokenizer.vocabularySize) pieces, the model \(configuration.vocabularySize)",
        at: .init(source))
    }
    try install(source, as: name, replacing: force)
  }
}

/// What a model folder holds, as far as its config.json and its files say.
struct ModelSummary: Encodable {
  var name: String
  var path: String
  /// `bert`, or `phrase-table` of runner phrasetable; that one has no layers and what comes with them.
  var type: String
  var layers: Int?
  var hidden: Int?
  var vocabulary: Int?
  var positions: Int?
  var bytes: Int
  var head: String?
  var labels: [String]?

  init(name: String, folder: String) throws {
    self.name = name
    path = folder
    let config = "\(folder)/config.json"
    let json: JSONValue = try JSON.decode(from: Files.read(config), path: config)
    if let type = json["model_type"]?.string, type == "phrase-table" {
      self.type = type
      bytes = try Files.list(folder).reduce(0) { try $0 + (Files.status("\(folder)/\($1)")?.size ?? 0) }
      return
    }
    type = "bert"
    let configuration = try ModelConfiguration.read(folder: folder)
    layers = configuration.layers
    hidden = configuration.hiddenSize
    vocabulary = configuration.vocabularySize
    positions = configuration.maxPositions
    head = configuration.head?.rawValue
    labels = configuration.labels
    bytes = try Files.status("\(folder)/model.safetensors")?.size ?? 0
  }

  var shape: String {
    guard let layers, let hidden else { return type }
    return "\(layers) layers x \(hidden)"
  }
}
