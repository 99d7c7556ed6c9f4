import Foundation
import IntrayCore

/// A BERT with random weights as a Hugging Face folder, and rows for it. The host does not know the engine, so the files
/// are written by hand.
public enum TinyModel {
  public struct Size: Sendable {
    var hidden: Int
    var layers: Int
    var heads: Int
    var intermediate: Int
    var words: Int

    /// A few thousand parameters.
    public static let tiny = Size(hidden: 16, layers: 2, heads: 2, intermediate: 32, words: 60)
    /// Five million parameters: more than the program that trains it.
    public static let small = Size(hidden: 256, layers: 4, heads: 4, intermediate: 1024, words: 8000)
  }

  /// - Parameter labels: with labels it is a classifier, without a base encoder.
  public static func write(to folder: String, labels: [String] = [], size: Size = .tiny) throws {
    let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + (0..<size.words).map { "word\($0)" }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    func put(_ data: Data, _ name: String) throws { try data.write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
    try put(Data(words.joined(separator: "\n").utf8), "vocab.txt")
    var config: [String: JSONValue] = [
      "architectures": [labels.isEmpty ? "BertModel" : "BertForSequenceClassification"], "model_type": "bert",
      "hidden_size": .int(size.hidden), "num_hidden_layers": .int(size.layers),
      "num_attention_heads": .int(size.heads), "intermediate_size": .int(size.intermediate),
      "hidden_act": "gelu", "layer_norm_eps": 1e-12, "max_position_embeddings": 64, "type_vocab_size": 2,
      "vocab_size": .int(words.count), "pad_token_id": 0,
    ]
    if !labels.isEmpty {
      let numbered = labels.enumerated()
      config["id2label"] = .object(Dictionary(uniqueKeysWithValues: numbered.map { ("\($0)", .string($1)) }))
      config["label2id"] = .object(Dictionary(uniqueKeysWithValues: numbered.map { ($1, .int($0)) }))
    }
    try put(JSON.encode(config), "config.json")
    try put(weights(size, words: words.count, labels: labels.count), "model.safetensors")
  }

  private static func weights(_ size: Size, words: Int, labels: Int) throws -> Data {
    let hidden = size.hidden
    var header: [String: JSONValue] = [:]
    var bytes = Data()
    var random = SeededGenerator(seed: 1)
    let prefix = labels > 0 ? "bert." : ""
    func add(_ name: String, _ shape: [Int]) {
      let start = bytes.count
      // Of a large tensor, all rows have the weights of the first ones.
      let count = shape.reduce(1, *)
      let drawn = (0..<min(count, 4096)).map { _ in
        name.hasSuffix("LayerNorm.weight") ? 1 : Float.random(in: -0.3...0.3, using: &random)
      }
      let block = drawn.reduce(into: Data()) { block, value in
        withUnsafeBytes(of: value.bitPattern.littleEndian) { block.append(contentsOf: $0) }
      }
      while bytes.count - start < count * 4 { bytes.append(block.prefix(count * 4 - (bytes.count - start))) }
      header[name] = [
        "dtype": "F32", "shape": .array(shape.map { .int($0) }), "data_offsets": [.int(start), .int(bytes.count)],
      ]
    }
    func pair(_ name: String, _ shape: [Int]) {
      add("\(name).weight", shape)
      add("\(name).bias", [shape[0]])
    }
    for (name, rows) in [("word", words), ("position", 64), ("token_type", 2)] {
      add("\(prefix)embeddings.\(name)_embeddings.weight", [rows, hidden])
    }
    pair("\(prefix)embeddings.LayerNorm", [hidden])
    for layer in 0..<size.layers {
      let base = "\(prefix)encoder.layer.\(layer)"
      for part in ["query", "key", "value"] { pair("\(base).attention.self.\(part)", [hidden, hidden]) }
      pair("\(base).attention.output.dense", [hidden, hidden])
      pair("\(base).attention.output.LayerNorm", [hidden])
      pair("\(base).intermediate.dense", [size.intermediate, hidden])
      pair("\(base).output.dense", [hidden, size.intermediate])
      pair("\(base).output.LayerNorm", [hidden])
    }
    pair("\(prefix)pooler.dense", [hidden, hidden])
    if labels > 0 { pair("classifier", [labels, hidden]) }
    var json = try JSON.encode(header)
    json.append(Data(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
    return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) } + json + bytes
  }

  /// Rows whose words depend on their label.
  public static func csv(rows: Int, labels: [String]?) -> String {
    var random = SeededGenerator(seed: 2)
    var text = labels == nil ? "id,text\n" : "id,text,label\n"
    for row in 0..<rows {
      let kind = row % 3
      let words = (0..<8).map { _ in "word\((kind * 20 + Int.random(in: 0..<30, using: &random)) % 60)" }
      text += "r\(row),\(words.joined(separator: " "))\(labels.map { ",\($0[kind % $0.count])" } ?? "")\n"
    }
    return text
  }
}

/// SplitMix64: the same numbers in each run of the tests.
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
