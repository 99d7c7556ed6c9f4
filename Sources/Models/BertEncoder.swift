import IntrayCore
import Layers
import Tensors

/// BERT without its head: embeddings and layers. N tokens, H features.
///
/// (1) In training each layer keeps what its backward needs; with `Memory.low` only its result, and backward computes the
///     rest once more, to the same bits.
/// (2) Between two waits of the pool, chunks of rows go from one attention to the next.
/// (3) In inference a thread takes a few sequences through the whole encoder, and nothing is kept.
/// (4) After the largest batch nothing is allocated any more in training.
final class BertEncoder {
  let parameters: [Parameter]
  /// The parameters that `backward` writes, and need not be cleared before it.
  let writtenByBackward: [Parameter]
  private let configuration: ModelConfiguration
  private let shape: EncoderShape
  private let memory: Memory
  private let embeddings: Embeddings
  private let layers: [EncoderLayer]
  /// Of each layer; with `Memory.low` one for all.
  private var kept: [EncoderLayerActivations] = []
  /// With `Memory.low`: the results of the layers.
  private var results: [Buffer] = []
  private let gradients: EncoderGradients
  private let feedForwardWeights: [[WeightGradient]]
  private let projectionWeights: [[WeightGradient]]
  private var rows: [Range<Int>] = []
  private var packing: (backward: Bool, parts: [() -> Void])?

  /// Parameters are zero (normalisations one) until they are loaded.
  init(_ configuration: ModelConfiguration, precision: Precision, memory: Memory) {
    var shape = configuration.encoderShape
    shape.precision = precision
    self.configuration = configuration
    self.shape = shape
    self.memory = memory
    embeddings = Embeddings(
      name: "bert.embeddings", vocabulary: configuration.vocabularySize, maxPositions: configuration.maxPositions,
      types: configuration.segmentTypes, shape: shape)
    layers = (0..<configuration.layers).map {
      EncoderLayer(name: "bert.encoder.layer.\($0)", index: $0, shape: shape)
    }
    parameters = embeddings.parameters + layers.flatMap(\.parameters)
    writtenByBackward =
      embeddings.tables + layers.flatMap { $0.linears.flatMap(\.parameters) }.filter { $0.value.shape.count > 1 }
    let gradients = EncoderGradients(precision.activations)
    self.gradients = gradients
    feedForwardWeights = layers.map { $0.feedForwardWeights(gradients) }
    projectionWeights = layers.map { $0.projectionWeights(gradients) }
  }

  /// Takes the parameters' values over into the products' packed factors.
  func pack(backward: Bool, pool: ThreadPool) {
    if packing?.backward != backward {
      packing = (backward, layers.flatMap { $0.linears.flatMap { $0.packing(backward: backward) } })
    }
    guard let parts = packing?.parts else { return }
    pool.run(.packing, chunks: parts.count) { parts[$0]() }
  }

  // MARK: Training

  /// The last layer's vectors, [N, H], numbers of type `precision.activations`; valid until the next forward.
  func forward(_ batch: PackedBatch, key: DropoutKey, pool: ThreadPool) throws -> UnsafeRawPointer {
    try check(batch)
    reserve(batch)
    let first = layers[0]
    pool.run(.embeddings, chunks: rows.count, scratch: embeddings.scratch(rows: largestChunk)) { chunk, scratch in
      embeddings.forward(batch, rows: rows[chunk], key: key, scratch: scratch)
      first.project(embeddings.result.bytes, rows: rows[chunk], kept: kept[0])
    }
    for index in layers.indices {
      attend(index, batch, key: key, pool: pool)
      let kept = kept(index)
      let next = index + 1 < layers.count ? layers[index + 1] : nil
      let nextKept = next.map { _ in self.kept(index + 1) }
      pool.run(.feedForward, chunks: rows.count, scratch: layers[index].feedForwardScratch(rows: largestChunk)) {
        chunk, scratch in
        layers[index].feedForward(input(of: index), rows: rows[chunk], kept: kept, key: key, scratch: scratch)
        if memory == .low { keepResult(index, rows[chunk]) }
        if let next, let nextKept { next.project(kept.result.bytes, rows: rows[chunk], kept: nextKept) }
      }
    }
    return input(of: layers.count)
  }

  /// Adds to the parameters' gradients; gradient [N, H] of the result is used up.
  /// - Parameter adding: false where the gradients of the layers' weights count as zero, whatever is in them.
  func backward(
    _ gradient: UnsafeMutablePointer<Float>, _ batch: PackedBatch, key: DropoutKey, adding: Bool, pool: ThreadPool
  ) {
    if !adding { embeddings.clearTables() }
    gradients.reserve(batch.tokens, shape)
    for index in layers.indices.reversed() {
      let layer = layers[index]
      let above = index + 1 < layers.count ? layers[index + 1] : nil
      let kept = kept(index)
      if memory == .low, index + 1 < layers.count {
        // The layer above still waits for its projection's backward, which needs no more than what it got as input.
        projectBackward(index + 1, gradient, pool: pool)
        computeAgain(index, batch, key: key, pool: pool)
      }
      layer.beginBackward(chunks: rows.count)
      pool.run(
        .feedForwardBackward, chunks: rows.count, scratch: layer.feedForwardBackwardScratch(rows: largestChunk)
      ) { chunk, scratch in
        if memory == .normal, let above {
          above.projectBackward(gradient, input(of: index + 1), rows: rows[chunk], gradients: gradients)
        }
        layer.feedForwardBackward(
          gradient, rows: rows[chunk], chunk: chunk, kept: kept, gradients: gradients, key: key, scratch: scratch)
      }
      layer.endBackward(chunks: rows.count)
      let attention = layer.attentionChunks(batch)
      let own = feedForwardWeights[index]
      let others = above == nil ? [] : projectionWeights[index + 1]
      pool.run(
        .attentionBackward, chunks: attention + own.count + others.count,
        scratch: layer.attentionBackwardScratch(batch)
      ) { chunk, scratch in
        // The large parts come first, so that the threads end together.
        if chunk < own.count {
          own[chunk].compute(adding: adding)
        } else if chunk < own.count + others.count {
          others[chunk - own.count].compute(adding: adding)
        } else {
          layer.attendBackward(
            chunk: chunk - own.count - others.count, batch, kept: kept, gradients: gradients, key: key, scratch: scratch
          )
        }
      }
    }
    embeddings.beginBackward(chunks: rows.count)
    pool.run(.embeddingsBackward, chunks: rows.count) { chunk in
      layers[0].projectBackward(gradient, embeddings.result.bytes, rows: rows[chunk], gradients: gradients)
      embeddings.backward(gradient, rows: rows[chunk], chunk: chunk, key: key)
    }
    embeddings.endBackward(chunks: rows.count)
    embeddings.touch(batch)
    let weights = projectionWeights[0]
    pool.run(.embeddingsBackward, chunks: weights.count + embeddings.tableChunks) { chunk in
      if chunk < weights.count {
        weights[chunk].compute(adding: adding)
      } else {
        embeddings.backwardTables(gradient, batch, chunk: chunk - weights.count)
      }
    }
  }

  private func kept(_ layer: Int) -> EncoderLayerActivations { kept[memory == .low ? 0 : layer] }

  /// What a layer reads, or, for the number of layers, the encoder's result.
  private func input(of layer: Int) -> UnsafeRawPointer {
    if layer == 0 { return UnsafeRawPointer(embeddings.result.bytes) }
    return UnsafeRawPointer(memory == .low ? results[layer - 1].bytes : kept[layer - 1].result.bytes)
  }

  private func reserve(_ batch: PackedBatch) {
    // Cut by the number of rows only. Pairs of rows make words, and blocks of eight or sixteen make tiles. The last chunks
    // are short: a thread that has none left waits for one of these at most.
    rows = Range.chunks(of: batch.tokens, size: 128, multiple: 16)
    if rows.count >= 8 {
      rows =
        rows.dropLast(4)
        + rows.suffix(4).flatMap { long in
          Range.chunks(of: long.count, size: long.count / 2, multiple: 16).map {
            long.lowerBound + $0.lowerBound..<long.lowerBound + $0.upperBound
          }
        }
    }
    embeddings.reserve(batch.tokens)
    while kept.count < (memory == .low ? 1 : layers.count) { kept.append(EncoderLayerActivations()) }
    for activations in kept { activations.reserve(batch.tokens, shape) }
    guard memory == .low else { return }
    while results.count < layers.count { results.append(Buffer()) }
    for result in results { result.reserve(batch.tokens * shape.features, shape.precision.activations) }
  }

  private var largestChunk: Int { rows.reduce(0) { max($0, $1.count) } }

  private func attend(_ index: Int, _ batch: PackedBatch, key: DropoutKey, pool: ThreadPool) {
    let layer = layers[index]
    let kept = kept(index)
    pool.run(.attention, chunks: layer.attentionChunks(batch), scratch: layer.attentionScratch(batch)) {
      chunk, scratch in
      layer.attend(chunk: chunk, batch, kept: kept, key: key, scratch: scratch)
    }
  }

  private func keepResult(_ layer: Int, _ rows: Range<Int>) {
    let row = shape.features * shape.precision.activations.size
    results[layer].bytes.advanced(by: rows.lowerBound * row).copyMemory(
      from: kept[0].result.bytes + rows.lowerBound * row, byteCount: rows.count * row)
  }

  private func projectBackward(_ index: Int, _ gradient: UnsafeMutablePointer<Float>, pool: ThreadPool) {
    pool.run(.feedForwardBackward, chunks: rows.count) { chunk in
      layers[index].projectBackward(gradient, input(of: index), rows: rows[chunk], gradients: gradients)
    }
  }

  /// With `Memory.low`: what a layer's backward needs, from the layer's input.
  private func computeAgain(_ index: Int, _ batch: PackedBatch, key: DropoutKey, pool: ThreadPool) {
    let layer = layers[index]
    let x = input(of: index)
    pool.run(.feedForward, chunks: rows.count) { layer.project(x, rows: rows[$0], kept: kept[0]) }
    attend(index, batch, key: key, pool: pool)
    pool.run(.feedForward, chunks: rows.count, scratch: layer.feedForwardScratch(rows: largestChunk)) {
      chunk, scratch in
      layer.feedForward(x, rows: rows[chunk], kept: kept[0], key: key, scratch: scratch)
    }
  }

  // MARK: Inference

  /// Calls `body` with the number and the last layer's vectors, [tokens, H], of each sequence, from several threads at once.
  func infer(_ batch: PackedBatch, pool: ThreadPool, _ body: (_ sequence: Int, _ x: UnsafeRawPointer) -> Void) throws {
    try check(batch)
    let groups = batch.groups(tokens: 512)
    let features = shape.features
    let precision = shape.precision.activations
    let scratch = groups.reduce(0) { most, group in
      max(
        most,
        Scratch.size(
          group.batch.tokens * features * precision.size,
          max(embeddings.scratch(rows: group.batch.tokens), layers[0].inferScratch(group.batch))))
    }
    pool.run(.inference, chunks: groups.count, scratch: scratch) { index, memory in
      let group = groups[index].batch
      var scratch = Scratch(memory)
      let x = scratch.take(group.tokens * features * precision.size)
      let rest = scratch.take(0)
      embeddings.infer(group, rows: 0..<group.tokens, into: x, scratch: rest)
      for layer in layers { layer.infer(x, group, scratch: rest) }
      for sequence in 0..<group.sequences {
        body(
          groups[index].first + sequence,
          UnsafeRawPointer(x) + group.range(sequence).lowerBound * features * precision.size)
      }
    }
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

/// How much of a forward pass training keeps for backward.
public enum Memory: String, Sendable, Codable, CaseIterable {
  case normal
  /// Only each layer's result, a twelfth, for one more forward pass. The numbers are the same.
  case low
}
