import FileKit
import IntrayCore
import Safetensors
import Tensors

/// A model folder's tensors under the names that Intray uses, whatever the writer called them:
/// with or without `bert.` in front, normalisations with `weight` and `bias` or, as in TensorFlow, `gamma` and `beta`.
/// Other tensors (`position_ids`, `cls.*`) are left alone.
struct Checkpoint {
  private let file: SafetensorsFile
  private let hasPrefix: Bool

  init(folder: String) throws {
    let path = "\(folder)/model.safetensors"
    guard try Files.status(path) != nil else {
      throw IntrayError(
        .model, "the model folder has no model.safetensors", at: .init(folder),
        hint: "convert other formats with transformers: save_pretrained(folder)")
    }
    file = try SafetensorsFile(path)
    hasPrefix = file.names.contains { $0.hasPrefix("bert.") }
  }

  /// How many classes the checkpoint's classifier has; nil without one.
  var classes: Int? {
    guard let entry = file.entry("classifier.weight"), !entry.bytes.isEmpty else { return nil }
    return entry.shape.first
  }

  func has(_ name: String) -> Bool { file.entry(stored(name)) != nil }

  func read(_ parameter: Parameter) throws {
    try file.read(stored(parameter.name), shape: parameter.value.shape, into: parameter.value.buffer)
  }

  /// The sizes in the configuration are those of the tensors. Comes before any memory is taken for them.
  func check(_ configuration: ModelConfiguration) throws {
    let features = configuration.hiddenSize
    try check("bert.embeddings.word_embeddings.weight", [configuration.vocabularySize, features])
    try check("bert.embeddings.position_embeddings.weight", [configuration.maxPositions, features])
    try check("bert.embeddings.token_type_embeddings.weight", [configuration.segmentTypes, features])
    for layer in 0..<configuration.layers {
      try check("bert.encoder.layer.\(layer).attention.self.query.weight", [features, features])
      try check("bert.encoder.layer.\(layer).intermediate.dense.weight", [configuration.intermediateSize, features])
    }
  }

  /// The tensor is there, in this shape.
  func check(_ name: String, _ shape: [Int]) throws {
    let name = stored(name)
    guard let entry = file.entry(name) else {
      throw IntrayError(
        .model, "no tensor '\(name)'; expected one of shape \(shape)", at: .init(file.path),
        hint: Suggestion.nearest(to: name, among: file.names).map { "did you mean '\($0)'?" })
    }
    guard entry.shape == shape else {
      throw IntrayError(.model, "tensor '\(name)': expected shape \(shape), found \(entry.shape)", at: .init(file.path))
    }
  }

  private func stored(_ name: String) -> String {
    var stored = name
    if !hasPrefix, name.hasPrefix("bert.") { stored.removeFirst("bert.".count) }
    guard file.entry(stored) == nil else { return stored }
    for (ending, legacy) in [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")]
    where stored.hasSuffix(ending) {
      let old = stored.dropLast(ending.count) + legacy
      if file.entry(String(old)) != nil { return String(old) }
    }
    return stored
  }
}
