import IntrayCore
import Layers
import Tensors

/// BERT without its head: embeddings and layers. N tokens, H features.
///
/// (1) In training each layer keeps what its backward needs; in inference all share one set of buffers.
/// (2) After the largest batch nothing is allocated any more.
final class BertEncoder {
  let parameters: [Parameter]
  private let configuration: ModelConfiguration
  private let embeddings: Embeddings
  private let layers: [EncoderLayer]
  private var kept: [EncoderLayerActivations] = []
  private let scratch = EncoderScratch()

  /// Parameters are zero (normalisations one) until they are loaded.
  init(_ configuration: ModelConfiguration) {
    let shape = configuration.encoderShape
    self.configuration = configuration
    embeddings = Embeddings(
      name: "bert.embeddings", vocabulary: configuration.vocabularySize, maxPositions: configuration.maxPositions,
      types: configuration.segmentTypes, shape: shape)
    layers = (0..<configuration.layers).map {
      EncoderLayer(name: "bert.encoder.layer.\($0)", index: $0, shape: shape)
    }
    parameters = embeddings.parameters + layers.flatMap(\.parameters)
  }

  /// How a batch's rows are cut for the pool: by their number only.
  private func rows(_ batch: PackedBatch) -> [Range<Int>] { Range.chunks(of: batch.tokens, size: 256) }

  private func kept(_ layer: Int, isTraining: Bool) -> EncoderLayerActivations { kept[isTraining ? layer : 0] }

  /// The last layer's vectors, [N, H]; valid until the next forward.
  func forward(_ batch: PackedBatch, key: DropoutKey?, pool: ThreadPool) throws -> UnsafePointer<Float> {
    try check(batch)
    let rows = rows(batch)
    while kept.count < (key == nil ? 1 : layers.count) { kept.append(EncoderLayerActivations()) }
    embeddings.forward(batch, rows: rows, key: key, pool: pool)
    var x = UnsafePointer(embeddings.result.data)
    for (index, layer) in layers.enumerated() {
      let kept = kept(index, isTraining: key != nil)
      layer.forward(x, batch, rows: rows, kept: kept, scratch: scratch, key: key, pool: pool)
      x = UnsafePointer(kept.result.data)
    }
    return x
  }

  /// Adds to the parameters' gradients; gradient [N, H] of the result is used up.
  func backward(_ gradient: UnsafeMutablePointer<Float>, _ batch: PackedBatch, key: DropoutKey, pool: ThreadPool) {
    let rows = rows(batch)
    for (index, layer) in layers.enumerated().reversed() {
      let x = index == 0 ? embeddings.result : kept[index - 1].result
      layer.backward(
        gradient, x.data, batch, rows: rows, kept: kept[index], scratch: scratch, key: key, pool: pool)
    }
    embeddings.backward(gradient, batch, rows: rows, key: key, pool: pool)
  }

  private func check(_ batch: PackedBatch) throws {
    for sequence in 0..<batch.sequences where batch.range(sequence).isEmpty {
      throw IntrayError(.data, "sequence \(sequence + 1) of the batch has no token")
    }
    guard batch.longest <= configuration.maxPositions else {
      throw IntrayError(
        .data, "a text of \(batch.longest) tokens; the model takes at most \(configuration.maxPositions)",
        hint: "lower max_length")
    }
    if let id = batch.ids.first(where: { $0 < 0 || $0 >= configuration.vocabularySize }) {
      throw IntrayError(
        .model, "token id \(id) is outside the model's vocabulary of \(configuration.vocabularySize)",
        hint: "the tokenizer's files belong to another model")
    }
    if let segment = batch.segments.first(where: { $0 < 0 || $0 >= configuration.segmentTypes }) {
      throw IntrayError(
        .model, "token type \(segment) is outside the model's \(configuration.segmentTypes) types",
        hint: "this model takes single texts only")
    }
    // Dropout counts its draws with 32 bits.
    let draws = max(configuration.heads * (batch.longest / 8 + 8), configuration.hiddenSize)
    guard batch.tokens <= Int(UInt32.max) / draws else {
      throw IntrayError(.data, "a batch of \(batch.tokens) tokens is too large", hint: "lower the batch size")
    }
  }
}
