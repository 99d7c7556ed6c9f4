import CKernels
import Tensors

/// What a layer's forward keeps for its backward.
public final class EncoderLayerActivations {
  let qkv = Buffer()
  let logsum = Buffer()
  let context = Buffer()
  let attendedNormal = Buffer()
  let attendedDeviation = Buffer()
  let middle = Buffer()
  /// Before the activation; backward turns it into what the activation gave.
  let intermediate = Buffer()
  let outputNormal = Buffer()
  let outputDeviation = Buffer()
  /// The layer's result, [N, H], elements.
  public let result = Buffer()

  public init() {}

  public func reserve(_ tokens: Int, _ shape: EncoderShape) {
    let kept = shape.activations
    qkv.reserve(tokens * 3 * shape.features, kept)
    logsum.reserve(tokens * shape.heads)
    context.reserve(tokens * shape.features, kept)
    attendedNormal.reserve(tokens * shape.features, kept)
    attendedDeviation.reserve(tokens)
    middle.reserve(tokens * shape.features, kept)
    intermediate.reserve(tokens * shape.intermediate, kept)
    outputNormal.reserve(tokens * shape.features, kept)
    outputDeviation.reserve(tokens)
    result.reserve(tokens * shape.features, kept)
  }
}

/// What backward hands from one phase to the next: one set for all layers.
public final class EncoderGradients {
  let dcontext = Buffer()
  let dqkv = Buffer()
  // Both factors of each weight's gradient, packed by tokens.
  let input: Panels
  let dqkvPanels: Panels
  let context: Panels
  let dattended: Panels
  let middle: Panels
  let dintermediate: Panels
  let activated: Panels
  let doutput: Panels

  public init(_ precision: Precision) {
    input = Panels(precision)
    dqkvPanels = Panels(precision)
    context = Panels(precision)
    dattended = Panels(precision)
    middle = Panels(precision)
    dintermediate = Panels(precision)
    activated = Panels(precision)
    doutput = Panels(precision)
  }

  public func reserve(_ tokens: Int, _ shape: EncoderShape) {
    dcontext.reserve(tokens * shape.features, shape.activations)
    dqkv.reserve(tokens * 3 * shape.features, shape.activations)
    for panels in [input, context, dattended, middle, doutput] {
      panels.reserve(columns: shape.features, depth: tokens)
    }
    for panels in [dintermediate, activated] { panels.reserve(columns: shape.intermediate, depth: tokens) }
    dqkvPanels.reserve(columns: 3 * shape.features, depth: tokens)
  }
}

/// A layer of BERT's encoder (Devlin et al. 2019): attention, then two products with an activation between them; each
/// half is added to its input and normalised. N tokens, H features, I intermediate features.
///
/// (1) A chunk of rows goes through all operations up to the next attention while it is in the cache. Attention and the
///     weights' gradients are the only places where all rows must be there.
/// (2) "Elements" are numbers of the shape's activations' precision.
public final class EncoderLayer {
  public let shape: EncoderShape
  public let parameters: [Parameter]
  public let linears: [Linear]
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
    let precision = shape.precision
    self.shape = shape
    layer = index
    qkv = Linear(
      names: ["query", "key", "value"].map { "\(name).attention.self.\($0)" }, inputs: features, outputs: features,
      precision: precision)
    attention = SelfAttention(
      heads: shape.heads, headSize: shape.headSize, layer: index, precision: precision.activations,
      dropoutRate: shape.attentionDropout)
    attentionDense = Linear(
      name: "\(name).attention.output.dense", inputs: features, outputs: features, precision: precision)
    attentionNorm = LayerNorm(name: "\(name).attention.output.LayerNorm", features: features, epsilon: shape.epsilon)
    intermediate = Linear(
      name: "\(name).intermediate.dense", inputs: features, outputs: shape.intermediate, precision: precision)
    output = Linear(name: "\(name).output.dense", inputs: shape.intermediate, outputs: features, precision: precision)
    outputNorm = LayerNorm(name: "\(name).output.LayerNorm", features: features, epsilon: shape.epsilon)
    linears = [qkv, attentionDense, intermediate, output]
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

  /// The bytes of so many elements.
  private func bytes(_ count: Int) -> Int { count * shape.activations.size }

  /// The queries, keys and values of these rows of x [N, H].
  public func project(_ x: UnsafeRawPointer, rows: Range<Int>, kept: EncoderLayerActivations) {
    var product = qkv.forward(x + bytes(rows.lowerBound * shape.features), rows: rows.count)
    product.store(kept.qkv.bytes + bytes(rows.lowerBound * 3 * shape.features), bias: qkv.bias)
  }

  // MARK: Forward

  public func attentionChunks(_ batch: PackedBatch) -> Int { attention.chunks(batch) }
  public func attentionScratch(_ batch: PackedBatch) -> Int { attention.forwardScratch(batch) }

  public func attend(
    chunk: Int, _ batch: PackedBatch, kept: EncoderLayerActivations, key: DropoutKey?, scratch: UnsafeMutableRawPointer
  ) {
    attention.forward(
      chunk: chunk, batch, qkv: kept.qkv.bytes, logsum: kept.logsum.floats, context: kept.context.bytes, key: key,
      scratch: scratch)
  }

  /// The bytes of scratch that `feedForward` needs for so many rows.
  public func feedForwardScratch(rows: Int) -> Int {
    Scratch.size(rows * shape.features * 4, bytes(rows * shape.intermediate))
  }

  /// These rows of `kept.result`, [N, H], after attention, from the layer's input x [N, H].
  public func feedForward(
    _ x: UnsafeRawPointer, rows: Range<Int>, kept: EncoderLayerActivations, key: DropoutKey?,
    scratch: UnsafeMutableRawPointer
  ) {
    let features = shape.features
    let first = rows.lowerBound
    let at = bytes(first * features)
    let atInner = bytes(first * shape.intermediate)
    var scratch = Scratch(scratch)
    let sums = scratch.floats(rows.count * features)
    let activated = scratch.take(bytes(rows.count * shape.intermediate))

    var product = attentionDense.forward(kept.context.bytes + at, rows: rows.count)
    product.store(sums)
    var mask = attentionMask(key)
    residual_layernorm_forward(
      kept.middle.bytes + at, kept.attendedNormal.bytes + at, kept.attendedDeviation.floats + first, shape.element,
      sums,
      attentionDense.bias.data, x + at, attentionNorm.weight.value.data, attentionNorm.bias.value.data, shape.epsilon,
      &mask, first, rows.count, features)
    product = intermediate.forward(kept.middle.bytes + at, rows: rows.count)
    product.store(
      activated, shape.activation.kernel, bias: intermediate.bias, kept: kept.intermediate.bytes + atInner)
    product = output.forward(activated, rows: rows.count)
    product.store(sums)
    mask = outputMask(key)
    residual_layernorm_forward(
      kept.result.bytes + at, kept.outputNormal.bytes + at, kept.outputDeviation.floats + first, shape.element, sums,
      output.bias.data, kept.middle.bytes + at, outputNorm.weight.value.data, outputNorm.bias.value.data, shape.epsilon,
      &mask, first, rows.count, features)
  }

  // MARK: Backward

  public func beginBackward(chunks: Int) {
    attentionNorm.begin(chunks: chunks)
    outputNorm.begin(chunks: chunks)
  }

  public func endBackward(chunks: Int) {
    attentionNorm.end(chunks: chunks)
    outputNorm.end(chunks: chunks)
  }

  /// The bytes of scratch that `feedForwardBackward` needs for so many rows.
  public func feedForwardBackwardScratch(rows: Int) -> Int {
    Scratch.size(bytes(rows * shape.features), bytes(rows * shape.intermediate))
  }

  /// Down to the attention: gradient [N, H], floats, of the result becomes, in these rows, what reaches the layer's input
  /// past the attention; `gradients` gets the rest.
  public func feedForwardBackward(
    _ gradient: UnsafeMutablePointer<Float>, rows: Range<Int>, chunk: Int, kept: EncoderLayerActivations,
    gradients: EncoderGradients, key: DropoutKey, scratch: UnsafeMutableRawPointer
  ) {
    let features = shape.features
    let first = rows.lowerBound
    let at = bytes(first * features)
    let atInner = bytes(first * shape.intermediate)
    let precision = shape.activations
    let dx = gradient + first * features
    var scratch = Scratch(scratch)
    let ddense = scratch.take(bytes(rows.count * features))
    let dintermediate = scratch.take(bytes(rows.count * shape.intermediate))

    var mask = outputMask(key)
    residual_layernorm_backward(
      dx, ddense, outputNorm.weightSum(chunk), outputNorm.biasSum(chunk), shape.element, kept.outputNormal.bytes + at,
      kept.outputDeviation.floats + first, outputNorm.weight.value.data, &mask, first, rows.count, features)
    gradients.doutput.pack(rows: rows, ofPart: ddense, precision)
    var product = output.backwardInput(ddense, rows: rows.count)
    product.store(dintermediate, slopeOf: shape.activation.kernel, kept: kept.intermediate.bytes + atInner)
    gradients.activated.pack(rows: rows, ofPart: kept.intermediate.bytes + atInner, precision)
    gradients.dintermediate.pack(rows: rows, ofPart: dintermediate, precision)
    gradients.middle.pack(rows: rows, ofPart: kept.middle.bytes + at, precision)
    product = intermediate.backwardInput(dintermediate, rows: rows.count)
    product.store(dx, adding: true)
    mask = attentionMask(key)
    residual_layernorm_backward(
      dx, ddense, attentionNorm.weightSum(chunk), attentionNorm.biasSum(chunk), shape.element,
      kept.attendedNormal.bytes + at, kept.attendedDeviation.floats + first, attentionNorm.weight.value.data, &mask,
      first,
      rows.count, features)
    gradients.dattended.pack(rows: rows, ofPart: ddense, precision)
    gradients.context.pack(rows: rows, ofPart: kept.context.bytes + at, precision)
    product = attentionDense.backwardInput(ddense, rows: rows.count)
    product.store(gradients.dcontext.bytes + at)
  }

  public func attentionBackwardScratch(_ batch: PackedBatch) -> Int { attention.backwardScratch(batch) }

  public func attendBackward(
    chunk: Int, _ batch: PackedBatch, kept: EncoderLayerActivations, gradients: EncoderGradients, key: DropoutKey,
    scratch: UnsafeMutableRawPointer
  ) {
    attention.backward(
      chunk: chunk, batch, dcontext: gradients.dcontext.bytes, qkv: kept.qkv.bytes, logsum: kept.logsum.floats,
      context: kept.context.bytes, dqkv: gradients.dqkv.bytes, key: key, scratch: scratch)
  }

  /// After attention's backward: what reaches these rows of x [N, H] through it is added to gradient.
  public func projectBackward(
    _ gradient: UnsafeMutablePointer<Float>, _ x: UnsafeRawPointer, rows: Range<Int>, gradients: EncoderGradients
  ) {
    let features = shape.features
    let first = rows.lowerBound
    let dqkv = gradients.dqkv.bytes + bytes(first * 3 * features)
    var product = qkv.backwardInput(dqkv, rows: rows.count)
    product.store(gradient + first * features, adding: true)
    gradients.dqkvPanels.pack(rows: rows, ofPart: dqkv, shape.activations)
    gradients.input.pack(rows: rows, ofPart: x + bytes(first * features), shape.activations)
  }

  /// The parts of the weights' gradients that can be computed once `feedForwardBackward` is done in all rows.
  public func feedForwardWeights(_ gradients: EncoderGradients) -> [WeightGradient] {
    output.weightChunks.map { .init(output, gradients.activated, gradients.doutput, $0) }
      + intermediate.weightChunks.map { .init(intermediate, gradients.middle, gradients.dintermediate, $0) }
      + attentionDense.weightChunks.map { .init(attentionDense, gradients.context, gradients.dattended, $0) }
  }

  /// Those that can be computed once `projectBackward` is done in all rows.
  public func projectionWeights(_ gradients: EncoderGradients) -> [WeightGradient] {
    qkv.weightChunks.map { .init(qkv, gradients.input, gradients.dqkvPanels, $0) }
  }

  // MARK: Inference

  /// The bytes of scratch that `infer` needs for a batch.
  public func inferScratch(_ batch: PackedBatch) -> Int {
    let tokens = batch.tokens
    let rows = min(tokens, Self.inferRows)
    return Scratch.size(
      bytes(tokens * 3 * shape.features), bytes(tokens * shape.features), rows * shape.features * 4,
      bytes(rows * shape.features), bytes(rows * shape.intermediate), rows * shape.intermediate, rows * 4,
      attention.forwardScratch(batch))
  }

  private static let inferRows = 384

  /// x [N, H], elements, becomes the layer's result. Runs on the calling thread, and keeps nothing.
  public func infer(_ x: UnsafeMutableRawPointer, _ batch: PackedBatch, scratch: UnsafeMutableRawPointer) {
    let tokens = batch.tokens
    let features = shape.features
    let most = min(tokens, Self.inferRows)
    var scratch = Scratch(scratch)
    let projected = scratch.take(bytes(tokens * 3 * features))
    let context = scratch.take(bytes(tokens * features))
    let sums = scratch.floats(most * features)
    let middle = scratch.take(bytes(most * features))
    let activated = scratch.take(bytes(most * shape.intermediate))
    let quantised = Quantised(
      scratch.take(most * shape.intermediate), scratch.floats(most), isUsed: shape.precision == .int8,
      element: shape.element)
    let attentionScratch = scratch.take(0)
    let blocks = stride(from: 0, to: tokens, by: most).map { $0..<min(tokens, $0 + most) }

    for rows in blocks {
      let (input, scales) = quantised.rows(x + bytes(rows.lowerBound * features), rows.count, features)
      var product = qkv.forward(input, rows: rows.count, scales: scales)
      product.store(projected + bytes(rows.lowerBound * 3 * features), bias: qkv.bias)
    }
    for chunk in 0..<attention.chunks(batch) {
      attention.forward(
        chunk: chunk, batch, qkv: projected, logsum: nil, context: context, key: nil, scratch: attentionScratch)
    }
    var mask = outputMask(nil)
    for rows in blocks {
      let count = rows.count
      let y = x + bytes(rows.lowerBound * features)
      var (input, scales) = quantised.rows(context + bytes(rows.lowerBound * features), count, features)
      var product = attentionDense.forward(input, rows: count, scales: scales)
      product.store(sums)
      residual_layernorm_forward(
        middle, nil, nil, shape.element, sums, attentionDense.bias.data, y, attentionNorm.weight.value.data,
        attentionNorm.bias.value.data, shape.epsilon, &mask, 0, count, features)
      (input, scales) = quantised.rows(middle, count, features)
      product = intermediate.forward(input, rows: count, scales: scales)
      product.store(activated, shape.activation.kernel, bias: intermediate.bias, kept: nil)
      (input, scales) = quantised.rows(activated, count, shape.intermediate)
      product = output.forward(input, rows: count, scales: scales)
      product.store(sums)
      residual_layernorm_forward(
        y, nil, nil, shape.element, sums, output.bias.data, middle, outputNorm.weight.value.data,
        outputNorm.bias.value.data, shape.epsilon, &mask, 0, count, features)
    }
  }
}

/// A part of a weight's gradient.
public struct WeightGradient {
  private let linear: Linear
  private let input: Panels
  private let gradient: Panels
  private let outputs: Range<Int>

  init(_ linear: Linear, _ input: Panels, _ gradient: Panels, _ outputs: Range<Int>) {
    self.linear = linear
    self.input = input
    self.gradient = gradient
    self.outputs = outputs
  }

  /// - Parameter adding: false where the weight's gradient counts as zero, whatever is in it.
  public func compute(adding: Bool) {
    linear.backwardWeights(input, gradient, outputs: outputs, adding: adding)
  }
}

/// Turns rows into bytes before a product, where products take bytes.
private struct Quantised {
  let bytes: UnsafeMutableRawPointer
  let scales: UnsafeMutablePointer<Float>
  let isUsed: Bool
  let element: CKernels.element

  init(
    _ bytes: UnsafeMutableRawPointer, _ scales: UnsafeMutablePointer<Float>, isUsed: Bool, element: CKernels.element
  ) {
    self.bytes = bytes
    self.scales = scales
    self.isUsed = isUsed
    self.element = element
  }

  func rows(_ x: UnsafeRawPointer, _ count: Int, _ features: Int) -> (UnsafeRawPointer, UnsafePointer<Float>?) {
    guard isUsed else { return (x, nil) }
    quantise_rows(bytes.assumingMemoryBound(to: UInt8.self), scales, x, element, count, features)
    return (UnsafeRawPointer(bytes), UnsafePointer(scales))
  }
}
