import Foundation
import IntrayCore
import Safetensors
import Tensors

/// A BERT of two layers with random weights, small enough to train in a test, as a Hugging Face folder.
enum TinyModel {
  static let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + (0..<60).map { "word\($0)" }
  static let hidden = 32

  static func write(to folder: String, seed: UInt64 = 1) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try words.joined(separator: "\n").write(toFile: "\(folder)/vocab.txt", atomically: true, encoding: .utf8)
    let config: JSONValue = [
      "architectures": ["BertModel"], "model_type": "bert", "hidden_size": .int(hidden), "num_hidden_layers": 2,
      "num_attention_heads": 4, "intermediate_size": 64, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
      "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12, "max_position_embeddings": 64,
      "type_vocab_size": 2, "vocab_size": .int(words.count), "pad_token_id": 0,
    ]
    try JSON.encode(config, pretty: true).write(to: URL(fileURLWithPath: "\(folder)/config.json"))

    var writer = SafetensorsWriter("\(folder)/model.safetensors")
    var tensors: [Tensor] = []
    func add(_ name: String, _ shape: [Int], ones: Bool = false) {
      let tensor = Tensor(shape)
      var random = CounterRandom(
        seed: seed, purpose: CounterRandom.Purpose.initialisation, index: UInt64(tensors.count))
      if ones { tensor.fill(1) } else { random.fillNormal(tensor, deviation: 0.2) }
      tensors.append(tensor)
      writer.add(name, dtype: .float32, shape: shape, bytes: tensor.bytes)
    }
    func norm(_ name: String) {
      add("\(name).weight", [hidden], ones: true)
      add("\(name).bias", [hidden])
    }
    func linear(_ name: String, _ inputs: Int, _ outputs: Int) {
      add("\(name).weight", [outputs, inputs])
      add("\(name).bias", [outputs])
    }
    add("embeddings.word_embeddings.weight", [words.count, hidden])
    add("embeddings.position_embeddings.weight", [64, hidden])
    add("embeddings.token_type_embeddings.weight", [2, hidden])
    norm("embeddings.LayerNorm")
    for layer in 0..<2 {
      let base = "encoder.layer.\(layer)"
      for part in ["query", "key", "value"] { linear("\(base).attention.self.\(part)", hidden, hidden) }
      linear("\(base).attention.output.dense", hidden, hidden)
      norm("\(base).attention.output.LayerNorm")
      linear("\(base).intermediate.dense", hidden, 64)
      linear("\(base).output.dense", 64, hidden)
      norm("\(base).output.LayerNorm")
    }
    linear("pooler.dense", hidden, hidden)
    try writer.publish()
  }

  /// Rows whose label is decided by the words in them, with some noise.
  static func csv(rows: Int, labels: Int = 3, seed: UInt64 = 7) -> String {
    var text = "id,title,abstract,category\n"
    var random = CounterRandom(seed: seed, purpose: CounterRandom.Purpose.shuffle)
    for row in 0..<rows {
      let label = row % labels
      let abstract = (0..<12).map { _ in
        let draw = random.nextInt(below: 1000)
        return draw % 3 != 0 ? "word\(label * 20 + draw % 20)" : "word\(draw % 60)"
      }
      text += "r\(row),word\(row % 60),\"\(abstract.joined(separator: " "))\",label\(label)\n"
    }
    return text
  }
}
