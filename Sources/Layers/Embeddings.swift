import CKernels
import Tensors

/// BERT's input: word, position and token type vectors, added, normalised, dropped out. N tokens, H features.
public final class Embeddings {
  public let parameters: [Parameter]
  /// Whose gradients `clearTables` clears.
  public var tables: [Parameter] { [word, position, type] }
  public let vocabulary: Int
  public let types: Int
  public let maxPositions: Int
  /// In training, the result, [N, H], elements.
  public let result = Buffer()
  private let shape: EncoderShape
  private let word: Parameter
  private let position: Parameter
  private let type: Parameter
  private let norm: LayerNorm
  private let normal = Buffer()
  private let deviation = Buffer()

  /// - Parameter name: such as `bert.embeddings`
  public init(name: String, vocabulary: Int, maxPositions: Int, types: Int, shape: EncoderShape) {
    let features = shape.features
    self.shape = shape
    self.vocabulary = vocabulary
    self.types = types
    self.maxPositions = maxPositions
    word = Parameter(name: "\(name).word_embeddings.weight", shape: [vocabulary, features], isTable: true)
    position = Parameter(name: "\(name).position_embeddings.weight", shape: [maxPositions, features])
    type = Parameter(name: "\(name).token_type_embeddings.weight", shape: [types, features])
    norm = LayerNorm(name: "\(name).LayerNorm", features: features, epsilon: shape.epsilon)
    parameters = [word, position, type] + norm.parameters
  }

  /// Makes room in `result` for a batch, and for what backward needs.
  public func reserve(_ tokens: Int) {
    result.reserve(tokens * shape.features, shape.activations)
    normal.reserve(tokens * shape.features, shape.activations)
    deviation.reserve(tokens)
  }

  /// The bytes of scratch that `forward` needs for so many rows.
  public func scratch(rows: Int) -> Int { rows * shape.features * 4 }

  /// These rows of `result`. The batch's ids, segments and positions lie inside the tables.
  public func forward(_ batch: PackedBatch, rows: Range<Int>, key: DropoutKey?, scratch: UnsafeMutableRawPointer) {
    let at = rows.lowerBound * shape.features * shape.activations.size
    forward(
      batch, rows: rows, into: result.bytes + at, normal: normal.bytes + at,
      deviation: deviation.floats + rows.lowerBound,
      key: key, scratch: scratch)
  }

  /// y [rows, H], elements, without keeping anything.
  public func infer(
    _ batch: PackedBatch, rows: Range<Int>, into y: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) {
    forward(batch, rows: rows, into: y, normal: nil, deviation: nil, key: nil, scratch: scratch)
  }

  private func forward(
    _ batch: PackedBatch, rows: Range<Int>, into y: UnsafeMutableRawPointer, normal: UnsafeMutableRawPointer?,
    deviation: UnsafeMutablePointer<Float>?, key: DropoutKey?, scratch: UnsafeMutableRawPointer
  ) {
    let features = shape.features
    let first = rows.lowerBound
    let sum = scratch.assumingMemoryBound(to: Float.self)
    batch.withPointers { ids, segments, positions in
      embedding_forward(
        sum, ids + first, segments + first, positions + first, word.value.data, type.value.data, position.value.data,
        rows.count, features)
    }
    layernorm_forward(
      y, normal, deviation, shape.element, sum, norm.weight.value.data, norm.bias.value.data, shape.epsilon, rows.count,
      features)
    var mask = dropout(rate: shape.hiddenDropout, key: key, site: .embeddings)
    dropout_forward(y, shape.element, &mask, first, rows.count, features)
  }

  // MARK: Backward

  /// Makes the tables' gradients zero: only the rows that were written since the last time.
  public func clearTables() {
    let features = shape.features
    if let touched = word.touched, !touched.isUnknown {
      for row in touched.rows { (word.gradient.data + row * features).update(repeating: 0, count: features) }
    } else {
      word.gradient.fill(0)
    }
    word.touched?.clear()
    position.gradient.fill(0)
    type.gradient.fill(0)
  }

  public func beginBackward(chunks: Int) { norm.begin(chunks: chunks) }
  public func endBackward(chunks: Int) { norm.end(chunks: chunks) }

  /// gradient [N, H] of the result becomes, in these rows, that of the vectors' sum.
  public func backward(_ gradient: UnsafeMutablePointer<Float>, rows: Range<Int>, chunk: Int, key: DropoutKey) {
    let features = shape.features
    let first = rows.lowerBound
    let dx = gradient + first * features
    var mask = dropout(rate: shape.hiddenDropout, key: key, site: .embeddings)
    dropout_backward(dx, &mask, first, rows.count, features)
    layernorm_backward(
      dx, norm.weightSum(chunk), norm.biasSum(chunk), shape.element, dx,
      normal.bytes + first * features * shape.activations.size, deviation.floats + first, norm.weight.value.data,
      rows.count, features)
  }

  /// How `backwardTables` is cut for the pool: by columns, so that tokens which share a row are added in their order.
  public var tableChunks: Int { 3 * columns.count }
  private var columns: [Range<Int>] { Range.chunks(of: shape.features, size: 64) }

  /// Before `backwardTables`.
  public func touch(_ batch: PackedBatch) { word.touched?.touch(batch.ids) }

  /// Adds gradient [N, H] of the vectors' sum to the tables' gradients.
  public func backwardTables(_ gradient: UnsafePointer<Float>, _ batch: PackedBatch, chunk: Int) {
    let columns = columns
    let range = columns[chunk % columns.count]
    batch.withPointers { ids, segments, positions in
      let (table, indices) = [(word, ids), (position, positions), (type, segments)][chunk / columns.count]
      embedding_backward(
        table.gradient.data, indices, gradient, batch.tokens, shape.features, range.lowerBound, range.upperBound)
    }
  }
}

extension PackedBatch {
  /// ids, segments, positions, each [N]
  fileprivate func withPointers(
    _ body: (UnsafePointer<Int32>, UnsafePointer<Int32>, UnsafePointer<Int32>) -> Void
  ) {
    ids.withUnsafeBufferPointer { ids in
      segments.withUnsafeBufferPointer { segments in
        positions.withUnsafeBufferPointer { positions in
          guard let ids = ids.baseAddress, let segments = segments.baseAddress, let positions = positions.baseAddress
          else { return }
          body(ids, segments, positions)
        }
      }
    }
  }
}
