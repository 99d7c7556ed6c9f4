import CKernels
import Tensors

/// The sizes of an encoder, and what happens between its products.
public struct EncoderShape: Sendable {
  public var features: Int
  public var heads: Int
  public var intermediate: Int
  public var epsilon: Float
  public var activation: Activation
  public var hiddenDropout: Double
  public var attentionDropout: Double

  public enum Activation: Sendable {
    case gelu
    case geluTanh
    case relu

    var kernel: CKernels.activation {
      switch self {
      case .gelu: activation_gelu
      case .geluTanh: activation_gelu_tanh
      case .relu: activation_relu
      }
    }
  }

  public init(
    features: Int, heads: Int, intermediate: Int, epsilon: Float = 1e-12, activation: Activation = .gelu,
    hiddenDropout: Double = 0, attentionDropout: Double = 0
  ) {
    precondition(heads > 0 && features % heads == 0, "\(features) features for \(heads) heads")
    self.features = features
    self.heads = heads
    self.intermediate = intermediate
    self.epsilon = epsilon
    self.activation = activation
    self.hiddenDropout = hiddenDropout
    self.attentionDropout = attentionDropout
  }
}

/// What a layer's forward keeps for its backward. In inference all layers share one.
public final class EncoderLayerActivations {
  let qkv = Buffer()
  let logsum = Buffer()
  let context = Buffer()
  let attended = Buffer()
  let attendedStatistics = Buffer()
  let middle = Buffer()
  let intermediate = Buffer()
  let output = Buffer()
  let outputStatistics = Buffer()
  /// The layer's result, [N, H].
  public let result = Buffer()

  public init() {}

  func reserve(_ tokens: Int, _ shape: EncoderShape) {
    let features = shape.features
    qkv.reserve(tokens * 3 * features)
    logsum.reserve(tokens * shape.heads)
    context.reserve(tokens * features)
    attended.reserve(tokens * features)
    attendedStatistics.reserve(2 * tokens)
    middle.reserve(tokens * features)
    intermediate.reserve(tokens * shape.intermediate)
    output.reserve(tokens * features)
    outputStatistics.reserve(2 * tokens)
    result.reserve(tokens * features)
  }
}

/// Intermediate results that no later step needs: one set for all layers.
public final class EncoderScratch {
  let activated = Buffer()
  let dactivated = Buffer()
  let doutput = Buffer()
  let dattended = Buffer()
  let dcontext = Buffer()
  let dqkv = Buffer()

  public init() {}
}

/// A layer of BERT's encoder (Devlin et al. 2019): attention, then two products with an activation between them; each
/// half is added to its input and normalised. N tokens, H features, I intermediate features.
///
/// (1) Between two waits of the pool a chunk of rows goes through as many operations as it can, while it is in the cache.
public final class EncoderLayer {
  public let shape: EncoderShape
  public let parameters: [Parameter]
  private let layer: Int
  private let qkv: Linear
  private let attention: SelfAttention
  private let attentionDense: Linear
  private let attentionNorm: LayerNorm
  private let intermediate: Linear
  private let output: Linear
  private let outputNorm: LayerNorm

  /// - Parameter name: such as `bert.encoder.layer.0`
  public init(name: String, index: Int, shape: EncoderShape) {
    let features = shape.features
    self.shape = shape
    layer = index
    qkv = Linear(
      names: ["query", "key", "value"].map { "\(name).attention.self.\($0)" }, inputs: features, outputs: features)
    attention = SelfAttention(
      heads: shape.heads, headSize: features / shape.heads, layer: index, dropoutRate: shape.attentionDropout)
    attentionDense = Linear(name: "\(name).attention.output.dense", inputs: features, outputs: features)
    attentionNorm = LayerNorm(name: "\(name).attention.output.LayerNorm", features: features, epsilon: shape.epsilon)
    intermediate = Linear(name: "\(name).intermediate.dense", inputs: features, outputs: shape.intermediate)
    output = Linear(name: "\(name).output.dense", inputs: shape.intermediate, outputs: features)
    outputNorm = LayerNorm(name: "\(name).output.LayerNorm", features: features, epsilon: shape.epsilon)
    parameters =
      qkv.parameters + attentionDense.parameters + attentionNorm.parameters + intermediate.parameters
      + output.parameters + outputNorm.parameters
  }

  private func attentionMask(_ key: DropoutKey?) -> dropout {
    .init(rate: shape.hiddenDropout, key: key, site: .attention(layer: layer))
  }

  private func outputMask(_ key: DropoutKey?) -> dropout {
    .init(rate: shape.hiddenDropout, key: key, site: .output(layer: layer))
  }

  /// `kept.result` [N, H] from x [N, H]. x may be `kept.result` itself.
  public func forward(
    _ x: UnsafePointer<Float>, _ batch: PackedBatch, rows: [Range<Int>], kept: EncoderLayerActivations,
    scratch: EncoderScratch, key: DropoutKey?, pool: ThreadPool
  ) {
    let tokens = batch.tokens
    let features = shape.features
    let inner = shape.intermediate
    kept.reserve(tokens, shape)
    scratch.activated.reserve(tokens * inner)

    pool.run(chunks: rows.count) { chunk in
      qkv.forward(x, into: kept.qkv.data, rows: rows[chunk])
      qkv.addBias(kept.qkv.data, rows: rows[chunk])
    }
    pool.run(chunks: attention.chunks(batch), scratch: attention.scratch(batch)) { chunk, scores in
      attention.forward(
        chunk: chunk, batch, qkv: kept.qkv.data, logsum: kept.logsum.data, context: kept.context.data, key: key,
        scratch: scores)
    }
    pool.run(chunks: rows.count) { chunk in
      let range = rows[chunk]
      let first = range.lowerBound
      let at = first * features
      var mask = attentionMask(key)
      attentionDense.forward(kept.context.data, into: kept.attended.data, rows: range)
      residual_layernorm_forward(
        kept.middle.data + at, kept.attendedStatistics.data + first, kept.attendedStatistics.data + tokens + first,
        kept.attended.data + at, attentionDense.bias.data, x + at, attentionNorm.weight.value.data,
        attentionNorm.bias.value.data, shape.epsilon, &mask, first, range.count, features)
      intermediate.forward(kept.middle.data, into: kept.intermediate.data, rows: range)
      bias_activation_forward(
        scratch.activated.data + first * inner, kept.intermediate.data + first * inner, intermediate.bias.data,
        shape.activation.kernel, range.count, inner)
      mask = outputMask(key)
      output.forward(scratch.activated.data, into: kept.output.data, rows: range)
      residual_layernorm_forward(
        kept.result.data + at, kept.outputStatistics.data + first, kept.outputStatistics.data + tokens + first,
        kept.output.data + at, output.bias.data, kept.middle.data + at, outputNorm.weight.value.data,
        outputNorm.bias.value.data, shape.epsilon, &mask, first, range.count, features)
    }
  }

  /// gradient [N, H] of the result becomes the gradient of x; the parameters' gradients are added to. x and `kept` are
  /// what forward had and gave.
  public func backward(
    _ gradient: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ batch: PackedBatch, rows: [Range<Int>],
    kept: EncoderLayerActivations, scratch: EncoderScratch, key: DropoutKey?, pool: ThreadPool
  ) {
    let tokens = batch.tokens
    let features = shape.features
    let inner = shape.intermediate
    scratch.activated.reserve(tokens * inner)
    scratch.dactivated.reserve(tokens * inner)
    scratch.doutput.reserve(tokens * features)
    scratch.dattended.reserve(tokens * features)
    scratch.dcontext.reserve(tokens * features)
    scratch.dqkv.reserve(tokens * 3 * features)
    attentionNorm.begin(chunks: rows.count)
    outputNorm.begin(chunks: rows.count)

    pool.run(chunks: rows.count) { chunk in
      let range = rows[chunk]
      let first = range.lowerBound
      let at = first * features
      var mask = outputMask(key)
      residual_layernorm_backward(
        gradient + at, scratch.doutput.data + at, outputNorm.weightSum(chunk), outputNorm.biasSum(chunk), gradient + at,
        kept.output.data + at, kept.outputStatistics.data + first, kept.outputStatistics.data + tokens + first,
        outputNorm.weight.value.data, &mask, first, range.count, features)
      output.backwardInput(scratch.doutput.data, into: scratch.dactivated.data, rows: range)
      bias_activation_backward(
        scratch.dactivated.data + first * inner, scratch.activated.data + first * inner,
        scratch.dactivated.data + first * inner,
        kept.intermediate.data + first * inner, shape.activation.kernel, range.count * inner)
      intermediate.backwardInput(scratch.dactivated.data, into: gradient, rows: range, adding: true)
      mask = attentionMask(key)
      residual_layernorm_backward(
        gradient + at, scratch.dattended.data + at, attentionNorm.weightSum(chunk), attentionNorm.biasSum(chunk),
        gradient + at, kept.attended.data + at, kept.attendedStatistics.data + first,
        kept.attendedStatistics.data + tokens + first, attentionNorm.weight.value.data, &mask, first, range.count,
        features)
      attentionDense.backwardInput(scratch.dattended.data, into: scratch.dcontext.data, rows: range)
    }
    attentionNorm.end(chunks: rows.count)
    outputNorm.end(chunks: rows.count)

    pool.run(chunks: attention.chunks(batch), scratch: attention.scratch(batch)) { chunk, scores in
      attention.backward(
        chunk: chunk, batch, dcontext: scratch.dcontext.data, qkv: kept.qkv.data, logsum: kept.logsum.data,
        context: kept.context.data, dqkv: scratch.dqkv.data, key: key, scratch: scores)
    }

    // The weights' gradients and the rest of x's: nothing here waits for anything else.
    let products = [
      (intermediate, kept.middle, scratch.dactivated), (output, scratch.activated, scratch.doutput),
      (attentionDense, kept.context, scratch.dattended),
    ]
    var chunks: [() -> Void] = []
    for range in qkv.weightChunks {
      chunks.append { [qkv] in qkv.backwardWeights(x, scratch.dqkv.data, tokens: tokens, outputs: range) }
    }
    for (linear, input, dy) in products {
      for range in linear.weightChunks {
        chunks.append { linear.backwardWeights(input.data, dy.data, tokens: tokens, outputs: range) }
      }
    }
    for range in rows {
      chunks.append { [qkv] in qkv.backwardInput(scratch.dqkv.data, into: gradient, rows: range, adding: true) }
    }
    pool.run(chunks: chunks.count) { chunk in chunks[chunk]() }
  }
}
