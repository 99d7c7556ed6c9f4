import CKernels
import FileKit
import IntrayCore
import Layers
import Safetensors
import Tensors

/// A BERT encoder with a classification head. B sequences, C classes, H features, N tokens.
///
/// (1) Results do not depend on the pool's number of threads.
/// (2) `backward` belongs to the last `forward`, which had a dropout key.
/// (3) Products take packed copies of the weights: whoever changes a parameter's value calls `parametersChanged`.
///
///     let model = try SequenceClassifier.load(folder: "models/all-MiniLM-L6-v2", head: .mean, labels: names, pool: pool)
///     let logits = try model.forward(batch, dropout: DropoutKey(seed: 42, step: 0))
///     let loss = crossEntropy(logits: logits, labels: labels, gradient: gradient)
///     model.backward(gradient)
public final class SequenceClassifier {
  public let configuration: ModelConfiguration
  public let head: Head
  /// The names of the classes, in the order of the logits.
  public let labels: [String]
  /// In checkpoint order, under their checkpoint names.
  public let parameters: [Parameter]
  /// The parameters that were not in the checkpoint.
  public let newlyInitialised: [String]

  private let folder: String
  private let encoder: BertEncoder
  private let pooling: any Pooling
  private let classifier: SmallLinear
  private let dropoutRate: Double
  private let pool: ThreadPool
  public let precision: Precision
  private let gathered = Buffer()
  private let pooled = Buffer()
  private let dpooled = Buffer()
  private let gradient = Buffer()
  /// The parameters whose gradients `zeroGradients` clears; backward writes the others' anew.
  private let cleared: [Parameter]
  /// Whether the gradients count as zero.
  private var isFresh = true
  /// Whether the products' packed weights follow the parameters, and whether they serve backward, too.
  private var isPacked: (forward: Bool, backward: Bool) = (false, false)
  private var last: (batch: PackedBatch, key: DropoutKey)?

  /// Opens a model folder.
  ///
  /// A folder without a classifier (a base encoder) gets a new one for `labels`; so does one whose labels or head differ
  /// from those asked for. A new classifier is uniform within
  /// 1 / sqrt(features), as torch.nn.Linear's, a new pooler's weights are N(0, initializer_range^2), all from the seed.
  /// - Parameters:
  ///   - head: nil takes the folder's own, `mean` for a base encoder.
  ///   - labels: nil takes the folder's own.
  ///   - dropout: of the head; nil takes the folder's own.
  ///   - precision: of the encoder; nil takes the fastest that fits the CPU and the model. int8 is for inference only.
  /// - Throws: `IntrayError(.model)` that names the key or the tensor, what was expected and what was found.
  public static func load(
    folder: String, head: Head? = nil, labels: [String]? = nil, dropout: Double? = nil, seed: UInt64 = 0,
    precision: Precision? = nil, memory: Memory = .normal, pool: ThreadPool
  ) throws -> SequenceClassifier {
    let configuration = try ModelConfiguration.read(folder: folder)
    let checkpoint = try Checkpoint(folder: folder)
    let own = checkpoint.classes.map { classes in
      // transformers leaves the names out when they are these.
      (head: configuration.head ?? .pooler, labels: configuration.labels ?? (0..<classes).map { "LABEL_\($0)" })
    }
    guard let labels = labels ?? own?.labels else {
      throw IntrayError(
        .model, "the model has no classifier, so it cannot predict", at: .init(folder),
        hint: "fine-tune it, and use the result")
    }
    guard !labels.isEmpty else { throw IntrayError(.model, "no label to classify into", at: .init(folder)) }
    let head = head ?? own?.head ?? .mean
    let keepsClassifier = own.map { $0.head == head && $0.labels == labels } ?? false
    try checkpoint.check(configuration)
    if keepsClassifier { try checkpoint.check("classifier.weight", [labels.count, configuration.hiddenSize]) }
    return try SequenceClassifier(
      configuration, checkpoint, folder: folder, head: head, labels: labels, keepsClassifier: keepsClassifier,
      dropout: dropout ?? configuration.headDropout, seed: seed, precision: try configuration.precision(precision),
      memory: memory, pool: pool)
  }

  private init(
    _ configuration: ModelConfiguration, _ checkpoint: Checkpoint, folder: String, head: Head, labels: [String],
    keepsClassifier: Bool, dropout: Double, seed: UInt64, precision: Precision, memory: Memory, pool: ThreadPool
  ) throws {
    self.configuration = configuration
    self.folder = folder
    self.head = head
    self.labels = labels
    self.pool = pool
    dropoutRate = dropout
    self.precision = precision
    encoder = BertEncoder(configuration, precision: precision, memory: memory)
    pooling = head.pooling(features: configuration.hiddenSize)
    classifier = SmallLinear(name: "classifier", inputs: pooling.width, outputs: labels.count)
    parameters = encoder.parameters + pooling.parameters + classifier.parameters
    let written = Set(encoder.writtenByBackward.map(ObjectIdentifier.init))
    cleared = parameters.filter { !written.contains(ObjectIdentifier($0)) }

    for parameter in encoder.parameters { try checkpoint.read(parameter) }
    var missing: [Parameter] = []
    for parameter in pooling.parameters {
      if checkpoint.has(parameter.name) { try checkpoint.read(parameter) } else { missing.append(parameter) }
    }
    for parameter in classifier.parameters {
      if keepsClassifier { try checkpoint.read(parameter) } else { missing.append(parameter) }
    }
    newlyInitialised = missing.map(\.name)
    let classifierBound = 1 / Double(pooling.width).squareRoot()
    for (index, parameter) in parameters.enumerated() where newlyInitialised.contains(parameter.name) {
      var random = CounterRandom(seed: seed, purpose: CounterRandom.Purpose.initialisation, index: UInt64(index))
      if parameter.name.hasPrefix("classifier.") {
        random.fillUniform(parameter.value, bound: classifierBound)
      } else if parameter.value.shape.count > 1 {
        random.fillNormal(parameter.value, deviation: configuration.initializerRange)
      }
    }
  }

  /// Logits [B, C].
  /// - Parameter key: turns on training: dropout, and keeping what `backward` needs.
  /// - Throws: `IntrayError` when a text is longer than the model takes, or a token is not in its vocabulary.
  public func forward(_ batch: PackedBatch, dropout key: DropoutKey? = nil) throws -> Tensor {
    precondition(key == nil || precision != .int8, "int8 is for inference")
    last = nil
    let sequences = batch.sequences
    let logits = Tensor([sequences, labels.count])
    guard sequences > 0 else { return logits }
    pack(backward: key != nil)
    let features = configuration.hiddenSize
    let activations = precision.activations
    gathered.reserve(sequences * features)
    pooled.reserve(sequences * pooling.width)
    func gather(_ sequence: Int, _ x: UnsafeRawPointer) {
      pooling.gather(
        x, activations, tokens: batch.range(sequence).count, into: gathered.floats + sequence * features)
    }
    if let key {
      let x = try encoder.forward(batch, key: key, pool: pool)
      pool.run(.head, chunks: sequences) { gather($0, x + batch.range($0).lowerBound * features * activations.size) }
    } else {
      try encoder.infer(batch, pool: pool, gather)
    }
    pooling.forward(gathered.floats, into: pooled.floats, sequences: sequences)
    var mask = headMask(key)
    dropout_forward(pooled.bytes, element_fp32, &mask, 0, sequences, pooling.width)
    classifier.forward(pooled.floats, into: logits.data, rows: sequences)
    last = key.map { (batch, $0) }
    return logits
  }

  /// Adds to the parameters' gradients.
  /// - Parameter dlogits: [B, C], the gradient of the last forward's logits.
  public func backward(_ dlogits: Tensor) {
    guard let (batch, key) = last else { preconditionFailure("backward needs a forward with a dropout key before it") }
    let sequences = batch.sequences
    let features = configuration.hiddenSize
    precondition(
      dlogits.shape == [sequences, labels.count], "logits are \([sequences, labels.count]), not \(dlogits.shape)")
    last = nil
    dpooled.reserve(sequences * pooling.width)
    gradient.reserve(batch.tokens * features)
    classifier.backward(dlogits.data, pooled.floats, into: dpooled.floats, rows: sequences)
    var mask = headMask(key)
    dropout_backward(dpooled.floats, &mask, 0, sequences, pooling.width)
    pooling.backward(dpooled.floats, gathered.floats, into: pooled.floats, sequences: sequences)
    pool.run(.head, chunks: sequences) { sequence in
      let tokens = batch.range(sequence)
      pooling.spread(
        pooled.floats + sequence * features, tokens: tokens.count, into: gradient.floats + tokens.lowerBound * features)
    }
    encoder.backward(gradient.floats, batch, key: key, adding: !isFresh, pool: pool)
    isFresh = false
  }

  /// Belongs after each change of the parameters' values, such as an optimiser's step.
  public func parametersChanged() { isPacked = (false, false) }

  private func pack(backward: Bool) {
    if isPacked.forward && (isPacked.backward || !backward) { return }
    encoder.pack(backward: backward, pool: pool)
    isPacked = (true, backward)
  }

  private func headMask(_ key: DropoutKey?) -> dropout { .init(rate: dropoutRate, key: key, site: .head) }

  /// The next `backward` begins with gradients of zero.
  public func zeroGradients() {
    for parameter in cleared { parameter.gradient.fill(0) }
    isFresh = true
  }

  /// Writes a Hugging Face folder: config.json, model.safetensors and the tokenizer's files of the folder that the model
  /// was loaded from. With the `pooler` head transformers opens it as BertForSequenceClassification.
  public func save(to target: String) throws {
    try Files.makeFolder(target)
    let json = configuration.classifier(head: head, labels: labels, dropout: dropoutRate)
    try Files.publish(JSON.encode(JSONValue.object(json), pretty: true), to: "\(target)/config.json")
    for name in Self.tokenizerFiles {
      guard try Files.status("\(folder)/\(name)") != nil else { continue }
      try Files.publish(Files.read("\(folder)/\(name)"), to: "\(target)/\(name)")
    }
    var writer = SafetensorsWriter("\(target)/model.safetensors")
    for parameter in parameters {
      writer.add(parameter.name, dtype: .float32, shape: parameter.value.shape, bytes: parameter.value.bytes)
    }
    try writer.publish(metadata: ["format": "pt"])
  }

  /// What a tokenizer consists of in a model folder.
  private static let tokenizerFiles = [
    "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
  ]
}
