import FileKit
import Foundation
import IntrayCore
import Models
import Safetensors
import Tensors
import TestSupport
import Testing

/// Folders that others wrote, and folders that are broken.
@Suite struct ModelFolderTests {
  let pool = ThreadPool(threads: 1)

  func load(_ folder: String, labels: [String]? = nil) throws -> SequenceClassifier {
    try SequenceClassifier.load(folder: folder, labels: labels, precision: .fp32, pool: pool)
  }

  /// The tiny model with its tensors under other names (nil drops one) or shapes.
  func rewrite(
    _ head: Head = .pooler, keys: [String: JSONValue] = [:], shape: (String, [Int]) -> [Int] = { $1 },
    name: (String) -> String?
  ) throws -> TemporaryFolder {
    let folder = try TorchModel.copy(head, changing: keys)
    let file = try SafetensorsFile("\(TorchModel.folder(head))/model.safetensors")
    var writer = SafetensorsWriter("\(folder.path)/model.safetensors")
    var kept: [SafetensorsFile.Entry] = []
    for old in file.names {
      guard let entry = file.entry(old), let new = name(old) else { continue }
      writer.add(new, dtype: entry.dtype, shape: shape(old, entry.shape), bytes: entry.bytes)
      kept.append(entry)
    }
    try writer.publish()
    return folder
  }

  @Test func aBaseEncoderWithoutPrefixGetsANewHead() throws {
    let folder = try rewrite { name in
      name.hasPrefix("bert.") ? String(name.dropFirst(5)) : nil
    }
    let model = try SequenceClassifier.load(folder: folder.path, head: .pooler, labels: ["x", "y"], pool: pool)
    #expect(model.newlyInitialised == ["classifier.weight", "classifier.bias"])
    let error = #expect(throws: IntrayError.self) { try load(folder.path) }
    #expect(error?.message == "the model has no classifier, so it cannot predict")
    #expect(try load(folder.path, labels: ["x"]).head == .mean)
  }

  @Test func aBaseEncoderWithoutPoolerSaysThatItIsNew() throws {
    let folder = try rewrite { name in name.contains("pooler") || name.contains("classifier") ? nil : name }
    let model = try SequenceClassifier.load(folder: folder.path, head: .pooler, labels: ["x", "y"], pool: pool)
    #expect(model.newlyInitialised.first == "bert.pooler.dense.weight")
    #expect(model.newlyInitialised.count == 4)
  }

  @Test func namesFromTensorFlowAndTensorsOfOtherHeadsAreUnderstood() throws {
    let folder = try rewrite { name in
      name.replacingOccurrences(of: "LayerNorm.weight", with: "LayerNorm.gamma")
        .replacingOccurrences(of: "LayerNorm.bias", with: "LayerNorm.beta")
    }
    let batch = try TorchModel.batches()[0].packed
    #expect(
      try load(folder.path).forward(batch).elements == TorchModel.load(.pooler, pool: pool).forward(batch).elements)
  }

  @Test func aClassifierWithoutNamesGetsThoseOfTransformers() throws {
    let folder = try TorchModel.copy(.pooler, changing: ["id2label": .null])
    #expect(try load(folder.path).labels == ["LABEL_0", "LABEL_1", "LABEL_2"])
  }

  @Test func moreNamesThanClassesAreAnError() throws {
    let folder = try TorchModel.copy(.pooler, changing: ["id2label": ["0": "a", "1": "b", "2": "c", "3": "d"]])
    let error = #expect(throws: IntrayError.self) { try load(folder.path) }
    #expect(error?.message == "tensor 'classifier.weight': expected shape [4, 32], found [3, 32]")
  }

  @Test func aMissingTensorIsNamed() throws {
    for missing in [
      "bert.encoder.layer.1.output.dense.bias", "bert.embeddings.word_embeddings.weight", "classifier.bias",
      "bert.encoder.layer.1.intermediate.dense.weight",
    ] {
      let folder = try rewrite { $0 == missing ? nil : $0 }
      let error = #expect(throws: IntrayError.self) { try load(folder.path) }
      #expect(error?.code == .model)
      #expect(error?.message.contains("'\(missing)'") == true)
    }
  }

  @Test func aWrongShapeIsNamedWithBothShapes() throws {
    let folder = try rewrite(shape: { $0 == "bert.pooler.dense.weight" ? [16, 64] : $1 }, name: { $0 })
    let error = #expect(throws: IntrayError.self) { try load(folder.path) }
    #expect(error?.message == "tensor 'bert.pooler.dense.weight': expected shape [32, 32], found [16, 64]")
  }

  @Test(arguments: [
    "hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size", "max_position_embeddings", "type_vocab_size",
  ]) func aConfigurationThatIsNotThatOfTheTensorsIsAnError(key: String) throws {
    // Fewer layers than the file has are no mistake: transformers takes the lower ones, too.
    for wrong in [1, 3, 64, 65536] where key != "num_hidden_layers" || wrong > 2 {
      let folder = try TorchModel.copy(.mean, changing: [key: .int(wrong)])
      #expect(throws: IntrayError.self) { _ = try load(folder.path) }
    }
  }

  @Test func `sizes that the tensors do not have take no memory`() throws {
    let size = 1 << 16
    let folder = try TorchModel.copy(
      .mean,
      changing: [
        "hidden_size": .int(size), "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 1,
        "vocab_size": 1, "max_position_embeddings": 1, "type_vocab_size": 1,
      ])
    let row = [Float](repeating: 0, count: size)
    try row.withUnsafeBytes { bytes in
      var writer = SafetensorsWriter("\(folder.path)/model.safetensors")
      for name in [
        "embeddings.word_embeddings", "embeddings.position_embeddings", "embeddings.token_type_embeddings",
        "encoder.layer.0.intermediate.dense",
      ] {
        writer.add("bert.\(name).weight", dtype: .float32, shape: [1, size], bytes: bytes)
      }
      try writer.publish()
    }
    // Its attention would take 64 GiB.
    let error = #expect(throws: IntrayError.self) { try load(folder.path, labels: ["x"]) }
    #expect(error?.message.hasPrefix("no tensor 'bert.encoder.layer.0.attention.self.query.weight'") == true)
  }

  @Test func aTruncatedFileIsAnError() throws {
    let whole = try Files.read("\(TorchModel.folder(.mean))/model.safetensors")
    for length in [0, 7, 100, whole.count / 2, whole.count - 1] {
      let folder = try TorchModel.copy(.mean, changing: [:])
      try folder.write(whole.prefix(length), to: "model.safetensors")
      let error = #expect(throws: IntrayError.self) { try load(folder.path) }
      #expect(error?.code == .model)
    }
  }

  @Test func filesThatAreMissingAreNamed() throws {
    let folder = try TemporaryFolder()
    #expect(throws: IntrayError.self) { try load(folder.path) }
    let error = #expect(throws: IntrayError.self) { try load("\(folder.path)/nowhere") }
    #expect(error?.message == "not a model folder: it has no config.json")
    try Files.copy("\(TorchModel.folder(.mean))/config.json", to: "\(folder.path)/config.json")
    let other = #expect(throws: IntrayError.self) { try load(folder.path) }
    #expect(other?.message == "the model folder has no model.safetensors")
  }

  static let wrong: [(String, JSONValue, String)] = [
    ("model_type", "t5", "model_type"), ("hidden_size", "32", "hidden_size"), ("hidden_size", 33, "hidden_size 33"),
    ("num_attention_heads", 0, "num_attention_heads"), ("num_hidden_layers", 1_000_000_000_000, "num_hidden_layers"),
    ("hidden_act", "gleu", "hidden_act"), ("hidden_dropout_prob", 1.5, "hidden_dropout_prob"),
    ("position_embedding_type", "relative_key", "position_embedding_type"), ("id2label", ["0"], "id2label"),
    ("id2label", ["1": "a"], "id2label"), ("intray_head", "meen", "intray_head"), ("vocab_size", .null, "vocab_size"),
  ]

  @Test(arguments: 0..<wrong.count) func aWrongKeyOfTheConfigurationIsNamed(index: Int) throws {
    let (key, value, message) = Self.wrong[index]
    let folder = try TorchModel.copy(.mean, changing: [key: value])
    let error = #expect(throws: IntrayError.self) { try load(folder.path) }
    #expect(error?.code == .model)
    #expect(error?.message.contains(message) == true)
    #expect(error?.location?.path == "\(folder.path)/config.json")
  }

  @Test func aConfigurationThatIsNoJSONIsAnError() throws {
    let folder = try TorchModel.copy(.mean, changing: [:])
    for text in ["", "{", "[]", "null", "{\"hidden_size\": 1e400}"] {
      try folder.write(text, to: "config.json")
      #expect(throws: IntrayError.self) { try load(folder.path) }
    }
  }
}
