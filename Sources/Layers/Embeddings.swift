import CKernels
import Tensors

/// BERT's input: word, position and token type vectors, added, normalised, dropped out. N tokens, H features.
public final class Embeddings {
  public let parameters: [Parameter]
  public let vocabulary: Int
  public let types: Int
  public let maxPositions: Int
  /// The result, [N, H].
  public let result = Buffer()
  private let shape: EncoderShape
  private let word: Parameter
  private let position: Parameter
  private let type: Parameter
  private let norm: LayerNorm
  private let sum = Buffer()
  private let statistics = Buffer()

  /// - Parameter name: such as `bert.embeddings`
  public init(name: String, vocabulary: Int, maxPositions: Int, types: Int, shape: EncoderShape) {
    let features = shape.features
    self.shape = shape
    self.vocabulary = vocabulary
    self.types = types
    self.maxPositions = maxPositions
    word = Parameter(name: "\(name).word_embeddings.weight", shape: [vocabulary, features])
    position = Parameter(name: "\(name).position_embeddings.weight", shape: [maxPositions, features])
    type = Parameter(name: "\(name).token_type_embeddings.weight", shape: [types, features])
    norm = LayerNorm(name: "\(name).LayerNorm", features: features, epsilon: shape.epsilon)
    parameters = [word, position, type] + norm.parameters
  }

  /// `result` [N, H]. The batch's ids, segments and positions lie inside the tables.
  public func forward(_ batch: PackedBatch, rows: [Range<Int>], key: DropoutKey?, pool: ThreadPool) {
    let tokens = batch.tokens
    let features = shape.features
    result.reserve(tokens * features)
    sum.reserve(tokens * features)
    statistics.reserve(2 * tokens)
    batch.withPointers { ids, segments, positions in
      pool.run(chunks: rows.count) { chunk in
        let first = rows[chunk].lowerBound
        let count = rows[chunk].count
        var mask = dropout(rate: shape.hiddenDropout, key: key, site: .embeddings)
        embedding_forward(
          sum.data + first * features, ids + first, segments + first, positions + first, word.value.data,
          type.value.data,
          position.value.data, count, features)
        layernorm_forward(
          result.data + first * features, statistics.data + first, statistics.data + tokens + first,
          sum.data + first * features,
          norm.weight.value.data, norm.bias.value.data, shape.epsilon, count, features)
        dropout_forward(result.data + first * features, &mask, first, count, features)
      }
    }
  }

  /// Adds to the tables' gradients; gradient [N, H] of the result is used up.
  public func backward(
    _ gradient: UnsafeMutablePointer<Float>, _ batch: PackedBatch, rows: [Range<Int>], key: DropoutKey?,
    pool: ThreadPool
  ) {
    let tokens = batch.tokens
    let features = shape.features
    norm.begin(chunks: rows.count)
    pool.run(chunks: rows.count) { chunk in
      let first = rows[chunk].lowerBound
      let count = rows[chunk].count
      let dx = gradient + first * features
      var mask = dropout(rate: shape.hiddenDropout, key: key, site: .embeddings)
      dropout_backward(dx, &mask, first, count, features)
      layernorm_backward(
        dx, norm.weightSum(chunk), norm.biasSum(chunk), dx, sum.data + first * features, statistics.data + first,
        statistics.data + tokens + first, norm.weight.value.data, count, features)
    }
    norm.end(chunks: rows.count)
    // Tokens that share a row of a table are added in their order: the work is cut by columns.
    let columns = Range.chunks(of: features, size: 64)
    batch.withPointers { ids, segments, positions in
      let tables = [(word, ids), (position, positions), (type, segments)]
      pool.run(chunks: tables.count * columns.count) { chunk in
        let (table, indices) = tables[chunk / columns.count]
        let range = columns[chunk % columns.count]
        embedding_backward(table.gradient.data, indices, gradient, tokens, features, range.lowerBound, range.upperBound)
      }
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
