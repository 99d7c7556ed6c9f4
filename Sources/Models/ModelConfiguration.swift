import FileKit
import IntrayCore
import Layers
import Tensors

/// A model folder's config.json, in Hugging Face's words, checked.
///
/// (1) Every number is inside limits, so that arithmetic with it never overflows; whether it is true, the tensors' shapes
///     decide before memory is taken.
public struct ModelConfiguration: Sendable, Equatable {
  public let hiddenSize: Int
  public let layers: Int
  public let heads: Int
  public let intermediateSize: Int
  public let vocabularySize: Int
  public let maxPositions: Int
  public let segmentTypes: Int
  public let layerNormEpsilon: Double
  public let activation: EncoderShape.Activation
  public let hiddenDropout: Double
  public let attentionDropout: Double
  /// What the head drops out when the job does not say: `classifier_dropout`, or else the hidden layers' rate.
  public let headDropout: Double
  /// The deviation of new weights.
  public let initializerRange: Double
  /// The names of the classes in the order of the logits, nil where the file has none.
  public let labels: [String]?
  /// The head that Intray noted when it saved the model; nil in folders of others.
  public let head: Head?
  /// All that the file says, for writing it again.
  let source: [String: JSONValue]

  public var numLabels: Int { labels?.count ?? 0 }

  /// - Throws: `IntrayError(.model)` that names the key.
  public static func read(folder: String) throws -> ModelConfiguration {
    let path = "\(folder)/config.json"
    guard try Files.status(path) != nil else {
      throw IntrayError(
        .model, "not a model folder: it has no config.json", at: .init(folder),
        hint: "a model is a Hugging Face folder with config.json, model.safetensors and the tokenizer's files")
    }
    let json = try JSON.decode(JSONValue.self, from: Files.read(path), path: path, code: .model)
    return try ModelConfiguration(json, path: path)
  }

  public init(_ json: JSONValue, path: String) throws {
    let fields = Fields(json: json, path: path)
    guard let source = json.object else { throw fields.error("expected a JSON object, found \(json.typeName)") }
    try fields.expect("model_type", ["bert"], among: "model types")
    try fields.expect("position_embedding_type", ["absolute"], among: "position embeddings")
    self.source = source
    hiddenSize = try fields.integer("hidden_size", in: 1...1 << 16)
    layers = try fields.integer("num_hidden_layers", in: 1...1024)
    heads = try fields.integer("num_attention_heads", in: 1...hiddenSize)
    guard hiddenSize % heads == 0 else {
      throw fields.error("hidden_size \(hiddenSize) cannot be divided among num_attention_heads \(heads)")
    }
    intermediateSize = try fields.integer("intermediate_size", in: 1...1 << 20)
    vocabularySize = try fields.integer("vocab_size", in: 1...1 << 24)
    maxPositions = try fields.integer("max_position_embeddings", in: 1...1 << 20)
    segmentTypes = try fields.integer("type_vocab_size", in: 1...1 << 16, default: 2)
    layerNormEpsilon = try fields.number("layer_norm_eps", in: 0...1, default: 1e-12)
    hiddenDropout = try fields.number("hidden_dropout_prob", in: 0...0.99, default: 0.1)
    attentionDropout = try fields.number("attention_probs_dropout_prob", in: 0...0.99, default: 0.1)
    headDropout = try fields.number("classifier_dropout", in: 0...0.99, default: hiddenDropout)
    initializerRange = try fields.number("initializer_range", in: 0...10, default: 0.02)
    let activations: [String: EncoderShape.Activation] = [
      "gelu": .gelu, "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh, "relu": .relu,
    ]
    let activation = json["hidden_act"]?.string ?? "gelu"
    guard let known = activations[activation] else {
      throw fields.error(
        "unknown hidden_act '\(activation)'", hint: Suggestion.hint(for: activation, among: activations.keys))
    }
    self.activation = known
    labels = try fields.labels()
    head = try json["intray_head"].map { value in
      guard let head = value.string.flatMap(Head.init(rawValue:)) else {
        throw fields.error(
          "unknown intray_head", hint: Suggestion.hint(for: value.string ?? "", among: Head.allCases.map(\.rawValue)))
      }
      return head
    }
  }

  /// The precision to compute in: the one that was asked for, or else the fastest.
  /// - Throws: `IntrayError(.spec)` when the model's sizes do not fit the one that was asked for.
  public func precision(_ wanted: Precision?) throws -> Precision {
    guard let wanted else { return fits(.fastest) ? .fastest : .fp32 }
    guard fits(wanted) else {
      throw IntrayError(
        .spec,
        "precision \(wanted.rawValue) needs sizes that are multiples of \(wanted.perWord); the model has hidden_size "
          + "\(hiddenSize), intermediate_size \(intermediateSize) and heads of \(hiddenSize / heads)",
        hint: "write precision: fp32")
    }
    return wanted
  }

  /// Whether its sizes are multiples of what the precision needs.
  public func fits(_ precision: Precision) -> Bool { encoderShape.fits(precision) }

  /// The shape of one of the encoder's layers.
  var encoderShape: EncoderShape {
    EncoderShape(
      features: hiddenSize, heads: heads, intermediate: intermediateSize, epsilon: Float(layerNormEpsilon),
      activation: activation, hiddenDropout: hiddenDropout, attentionDropout: attentionDropout)
  }

  /// The same configuration for a classifier that was trained here.
  func classifier(head: Head, labels: [String], dropout: Double) -> [String: JSONValue] {
    var json = source
    let numbered = labels.enumerated()
    // transformers would open any other head under this name and miss its weights.
    json["architectures"] =
      switch head {
      case .pooler: ["BertForSequenceClassification"]
      case .mean: ["IntrayMeanForSequenceClassification"]
      }
    json["model_type"] = "bert"
    json["intray_head"] = .string(head.rawValue)
    json["id2label"] = .object(Dictionary(uniqueKeysWithValues: numbered.map { ("\($0)", .string($1)) }))
    json["label2id"] = .object(Dictionary(numbered.map { ($1, .int($0)) }) { first, _ in first })
    json["problem_type"] = "single_label_classification"
    json["classifier_dropout"] = .double(dropout)
    for key in ["torch_dtype", "dtype"] where json[key] != nil { json[key] = "float32" }
    json["_name_or_path"] = nil
    return json
  }
}

/// Reads members of config.json; each error names the key.
private struct Fields {
  let json: JSONValue
  let path: String

  func error(_ message: String, hint: String? = nil) -> IntrayError {
    IntrayError(.model, message, at: .init(path), hint: hint)
  }

  private func value(_ key: String) -> JSONValue? {
    guard let value = json[key], value != .null else { return nil }
    return value
  }

  func integer(_ key: String, in range: ClosedRange<Int>, default other: Int? = nil) throws -> Int {
    guard let value = value(key) else {
      if let other { return other }
      throw error("no key '\(key)'")
    }
    guard let number = value.int, range.contains(number) else {
      throw error("\(key): expected an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func number(_ key: String, in range: ClosedRange<Double>, default other: Double) throws -> Double {
    guard let value = value(key) else { return other }
    guard let number = value.double, range.contains(number) else {
      throw error("\(key): expected a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A key that may be missing, but not say something that the engine does not do.
  func expect(_ key: String, _ known: [String], among kinds: String) throws {
    guard let value = value(key) else { return }
    guard let text = value.string, known.contains(text) else {
      throw error("\(key): of the \(kinds), only \(known.joined(separator: ", ")) can be used", hint: nil)
    }
  }

  func labels() throws -> [String]? {
    guard let value = value("id2label") else { return nil }
    guard let object = value.object else { throw error("id2label: expected a mapping from numbers to names") }
    return try (0..<object.count).map { index in
      guard let label = object["\(index)"]?.string else { throw error("id2label: no name for class \(index)") }
      return label
    }
  }
}
