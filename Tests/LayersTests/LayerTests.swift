import CKernels
import Foundation
import Layers
import Tensors
import TestSupport
import Testing

@Suite struct SelfAttentionTests {
  struct Case {
    let attention: SelfAttention
    let batch: PackedBatch
    let key: DropoutKey?
    let pool: ThreadPool
    let features: Int
    let logsum: Tensor
    let context: Tensor

    init(
      heads: Int, size: Int, lengths: [Int], rate: Double = 0, threads: Int = 2, precision: Precision = .fp32,
      instructions: instructions? = nil
    ) {
      attention = SelfAttention(
        heads: heads, headSize: size, layer: 3, precision: precision, dropoutRate: rate, instructions: instructions)
      batch = PackedBatch(
        lengths.map { (ids: [Int32](repeating: 0, count: $0), segments: [Int32](repeating: 0, count: $0)) })
      key = rate > 0 ? DropoutKey(seed: 8, step: 9) : nil
      pool = ThreadPool(threads: threads)
      features = heads * size
      logsum = Tensor([batch.tokens, heads])
      context = Tensor([batch.tokens, features])
    }

    func forward(_ qkv: Tensor) {
      pool.run(.measuring, chunks: attention.chunks(batch), scratch: attention.forwardScratch(batch)) {
        chunk, scratch in
        attention.forward(
          chunk: chunk, batch, qkv: qkv.data, logsum: logsum.data, context: context.data, key: key, scratch: scratch)
      }
    }

    func backward(_ qkv: Tensor, _ dcontext: Tensor) -> Tensor {
      let dqkv = Tensor(qkv.shape)
      dqkv.fill(.nan)
      pool.run(.measuring, chunks: attention.chunks(batch), scratch: attention.backwardScratch(batch)) {
        chunk, scratch in
        attention.backward(
          chunk: chunk, batch, dcontext: dcontext.data, qkv: qkv.data, logsum: logsum.data, context: context.data,
          dqkv: dqkv.data, key: key, scratch: scratch)
      }
      return dqkv
    }
  }

  @Test func packedSequencesEqualThoseOfPyTorch() throws {
    let operations = try Operations()
    let lengths = try operations.integers("attention.lengths").map(Int.init)
    let run = Case(heads: 2, size: 8, lengths: lengths)
    let qkv = try operations.tensor("attention.qkv")
    run.forward(qkv)
    expectEqual(run.context, try operations.tensor("attention.context"), within: 1e-5)
    let dqkv = run.backward(qkv, try operations.tensor("attention.dcontext"))
    expectEqual(dqkv, try operations.tensor("attention.dqkv"), within: 2e-5)
  }

  @Test(arguments: [0, 0.3]) func gradientsAreTheSlopes(rate: Double) {
    let run = Case(heads: 3, size: 5, lengths: [1, 2, 9, 131], rate: rate)
    let qkv = normal([run.batch.tokens, 3 * run.features], 1)
    let dcontext = normal([run.batch.tokens, run.features], 2)
    run.forward(qkv)
    let dqkv = run.backward(qkv, dcontext)
    expectSlopes(qkv, dqkv, within: 5e-3) {
      run.forward(qkv)
      return dot(run.context, dcontext)
    }
  }

  /// With the instructions of the CPU and without: the same draws, what fp32 gives but for the rounding.
  @Test(
    arguments: [nil, instructions_plain] as [instructions?],
    [(6, 0), (32, 0.1), (64, 0.3), (72, 0)] as [(size: Int, rate: Double)])
  func bfloat16GivesWhatFloatsGive(instructions: instructions?, shape: (size: Int, rate: Double)) {
    let lengths = [1, 2, 31, 64, 65, 200]
    func halves(_ x: Tensor) -> Tensor {
      let y = Tensor(x.shape)
      for (index, value) in x.elements.enumerated() {
        UnsafeMutableRawPointer(y.data).storeBytes(of: value.bf16, toByteOffset: index * 2, as: UInt16.self)
      }
      return y
    }
    func floats(_ x: Tensor) -> Tensor {
      let raw = UnsafeRawPointer(x.data)
      return Tensor(x.shape, (0..<x.count).map { Float(bf16: raw.load(fromByteOffset: $0 * 2, as: UInt16.self)) })
    }
    let exact = Case(heads: 2, size: shape.size, lengths: lengths, rate: shape.rate)
    let run = Case(
      heads: 2, size: shape.size, lengths: lengths, rate: shape.rate, precision: .bf16, instructions: instructions)
    let qkv = halves(normal([run.batch.tokens, 3 * run.features], 1))
    let dcontext = halves(normal([run.batch.tokens, run.features], 2))
    exact.forward(floats(qkv))
    run.forward(qkv)
    expectEqual(floats(run.context), exact.context, within: 2e-2)
    for (index, logsum) in exact.logsum.elements.enumerated() {
      #expect(abs(run.logsum[index] - logsum) < 1e-3, "query \(index)")
    }
    // Both from the same context, so that only backward's own rounding is compared.
    exact.context.copy(from: floats(run.context))
    expectEqual(floats(run.backward(qkv, dcontext)), exact.backward(floats(qkv), floats(dcontext)), within: 5e-2)
  }

  @Test func aSequenceDoesNotSeeItsNeighbours() {
    let together = Case(heads: 2, size: 4, lengths: [3, 6])
    let qkv = normal([9, 24], 1)
    together.forward(qkv)
    let alone = Case(heads: 2, size: 4, lengths: [6])
    alone.forward(Tensor([6, 24], Array(qkv.elements[72...])))
    #expect(alone.context.elements == Array(together.context.elements[24...]))
  }

  @Test func theNumberOfThreadsChangesNoBit() {
    let qkv = normal([400, 48], 1)
    let results = [1, 2, 3].map { threads in
      let run = Case(heads: 4, size: 4, lengths: [200, 1, 199], rate: 0.1, threads: threads)
      run.forward(qkv)
      return run.context.elements + run.backward(qkv, normal([400, 16], 2)).elements
    }
    #expect(results[1] == results[0])
    #expect(results[2] == results[0])
  }
}

@Suite struct LinearTests {
  @Test(arguments: [(1, 1, 1), (5, 7, 3), (37, 33, 65)]) func gradientsAreTheSlopes(
    rows: Int, inputs: Int, outputs: Int
  ) {
    let linear = Linear(names: ["a", "b"], inputs: inputs, outputs: outputs)
    for (index, parameter) in linear.parameters.enumerated() {
      parameter.value.copy(from: normal(parameter.value.shape, UInt64(index + 10)))
    }
    #expect(linear.parameters.map(\.name) == ["a.weight", "a.bias", "b.weight", "b.bias"])
    let (x, dy) = (normal([rows, inputs], 1), normal([rows, 2 * outputs], 2))
    let y = Tensor([rows, 2 * outputs])
    func loss() -> Double {
      linear.pack(backward: true)
      for range in [0..<rows / 2, rows / 2..<rows] where !range.isEmpty {
        var product = linear.forward(x.data + range.lowerBound * inputs, rows: range.count)
        product.store(y.data + range.lowerBound * 2 * outputs)
      }
      for row in 0..<rows {
        for (index, bias) in [linear.parameters[1], linear.parameters[3]].enumerated() {
          bias_forward(y.data + row * 2 * outputs + index * outputs, bias.value.data, 1, outputs)
        }
      }
      return dot(y, dy)
    }
    _ = loss()
    let dx = Tensor(x.shape)
    var product = linear.backwardInput(dy.data, rows: rows)
    product.store(dx.data)
    let (inputPanels, gradientPanels) = (Panels(.fp32), Panels(.fp32))
    inputPanels.reserve(columns: inputs, depth: rows)
    gradientPanels.reserve(columns: 2 * outputs, depth: rows)
    inputPanels.pack(rows: 0..<rows, of: x.data, .fp32)
    gradientPanels.pack(rows: 0..<rows, of: dy.data, .fp32)
    for range in Range.chunks(of: 2 * outputs, size: 32, multiple: 32) {
      linear.backwardWeights(inputPanels, gradientPanels, outputs: range)
    }
    expectSlopes(x, dx, within: 1e-2, loss: loss)
    for parameter in linear.parameters {
      expectSlopes(parameter.value, parameter.gradient, within: 1e-2, "\(parameter.name)", loss: loss)
    }
  }

  @Test func aSmallOneHasItsSlopes() {
    let small = SmallLinear(name: "a", inputs: 5, outputs: 3)
    for parameter in small.parameters { parameter.value.copy(from: normal(parameter.value.shape, 10)) }
    let (x, dy, y, dx) = (normal([4, 5], 1), normal([4, 3], 2), Tensor([4, 3]), Tensor([4, 5]))
    func loss() -> Double {
      small.forward(x.data, into: y.data, rows: 4)
      return dot(y, dy)
    }
    small.backward(dy.data, x.data, into: dx.data, rows: 4)
    expectSlopes(x, dx, within: 1e-2, loss: loss)
    for parameter in small.parameters {
      expectSlopes(parameter.value, parameter.gradient, within: 1e-2, "\(parameter.name)", loss: loss)
    }
  }
}

@Suite struct PoolingTests {
  @Test(arguments: [false, true]) func gradientsAreTheSlopes(isMean: Bool) {
    let features = 6
    let pooling: any Pooling =
      isMean ? MeanPooling(features: features) : FirstTokenPooling(name: "pooler.dense", features: features)
    for parameter in pooling.parameters { parameter.value.copy(from: normal(parameter.value.shape, 5)) }
    let sequences = [0..<1, 1..<5, 5..<7]
    let (x, dpooled) = (normal([7, features], 1), normal([3, features], 2))
    let (gathered, pooled) = (Tensor([3, features]), Tensor([3, features]))
    func loss() -> Double {
      for (index, tokens) in sequences.enumerated() {
        pooling.gather(
          x.data + tokens.lowerBound * features, .fp32, tokens: tokens.count, into: gathered.data + index * features)
      }
      pooling.forward(gathered.data, into: pooled.data, sequences: 3)
      return dot(pooled, dpooled)
    }
    _ = loss()
    let (dgathered, dx) = (Tensor([3, features]), Tensor([7, features]))
    dx.fill(.nan)
    pooling.backward(dpooled.data, gathered.data, into: dgathered.data, sequences: 3)
    for (index, tokens) in sequences.enumerated() {
      pooling.spread(
        dgathered.data + index * features, tokens: tokens.count, into: dx.data + tokens.lowerBound * features)
    }
    for index in stride(from: 0, to: 42, by: 1) { #expect(dx[index].isFinite) }
    expectSlopes(x, dx, within: 5e-3, loss: loss)
    for parameter in pooling.parameters {
      expectSlopes(parameter.value, parameter.gradient, within: 5e-3, "\(parameter.name)", loss: loss)
    }
  }
}

@Suite struct EncoderLayerTests {
  @Test(arguments: [EncoderShape.Activation.gelu, .geluTanh, .relu]) func gradientsAreTheSlopes(
    activation: EncoderShape.Activation
  ) {
    let shape = EncoderShape(
      features: 12, heads: 3, intermediate: 20, epsilon: 1e-6, activation: activation, hiddenDropout: 0.2,
      attentionDropout: 0.1)
    let layer = EncoderLayer(name: "layer", index: 0, shape: shape)
    for (index, parameter) in layer.parameters.enumerated() {
      for element in 0..<parameter.value.count {
        parameter.value[element] += 0.5 * normal(parameter.value.shape, UInt64(index + 20))[element]
      }
    }
    let batch = PackedBatch(
      [3, 1, 5].map { (ids: [Int32](repeating: 0, count: $0), segments: [Int32](repeating: 0, count: $0)) })
    let pool = ThreadPool(threads: 2)
    let (kept, gradients) = (EncoderLayerActivations(), EncoderGradients(.fp32))
    kept.reserve(9, shape)
    gradients.reserve(9, shape)
    let (x, dy) = (normal([9, 12], 1), normal([9, 12], 2))
    let rows = [0..<4, 4..<9]
    let key = DropoutKey(seed: 2, step: 2)
    func loss() -> Double {
      for linear in layer.linears { linear.pack(backward: true) }
      for range in rows { layer.project(x.data, rows: range, kept: kept) }
      pool.run(.measuring, chunks: layer.attentionChunks(batch), scratch: layer.attentionScratch(batch)) {
        chunk, scratch in
        layer.attend(chunk: chunk, batch, kept: kept, key: key, scratch: scratch)
      }
      pool.run(.measuring, chunks: 2, scratch: layer.feedForwardScratch(rows: 5)) { chunk, scratch in
        layer.feedForward(x.data, rows: rows[chunk], kept: kept, key: key, scratch: scratch)
      }
      return (0..<108).reduce(0) { $0 + Double(kept.result.floats[$1]) * Double(dy[$1]) }
    }
    _ = loss()
    let dx = Tensor([9, 12])
    dx.copy(from: dy)
    layer.beginBackward(chunks: 2)
    pool.run(.measuring, chunks: 2, scratch: layer.feedForwardBackwardScratch(rows: 5)) { chunk, scratch in
      layer.feedForwardBackward(
        dx.data, rows: rows[chunk], chunk: chunk, kept: kept, gradients: gradients, key: key, scratch: scratch)
    }
    layer.endBackward(chunks: 2)
    pool.run(.measuring, chunks: layer.attentionChunks(batch), scratch: layer.attentionBackwardScratch(batch)) {
      chunk, scratch in
      layer.attendBackward(chunk: chunk, batch, kept: kept, gradients: gradients, key: key, scratch: scratch)
    }
    for range in rows { layer.projectBackward(dx.data, x.data, rows: range, gradients: gradients) }
    for part in layer.feedForwardWeights(gradients) + layer.projectionWeights(gradients) { part.compute(adding: true) }
    expectSlopes(x, dx, step: 3e-3, within: 2e-2, loss: loss)
    for parameter in layer.parameters {
      expectSlopes(parameter.value, parameter.gradient, step: 3e-3, within: 2e-2, "\(parameter.name)", loss: loss)
    }
  }

  @Test(arguments: [Precision.fp32, .bf16, .int8]) func inferenceGivesWhatTrainingGives(precision: Precision) {
    var shape = EncoderShape(features: 24, heads: 3, intermediate: 48, epsilon: 1e-6)
    func layer(_ precision: Precision) -> EncoderLayer {
      shape.precision = precision
      let layer = EncoderLayer(name: "layer", index: 0, shape: shape)
      for (index, parameter) in layer.parameters.enumerated() {
        let noise = normal(parameter.value.shape, UInt64(index + 20))
        for element in 0..<parameter.value.count { parameter.value[element] += 0.2 * noise[element] }
      }
      for linear in layer.linears { linear.pack(backward: false) }
      return layer
    }
    let batch = PackedBatch(
      [3, 1, 150, 5].map { (ids: [Int32](repeating: 0, count: $0), segments: [Int32](repeating: 0, count: $0)) })
    let tokens = batch.tokens
    let x = normal([tokens, 24], 1)
    let reference = layer(.fp32)
    let kept = EncoderLayerActivations()
    kept.reserve(tokens, reference.shape)
    let scratch = Buffer()
    scratch.reserve(bytes: max(reference.attentionScratch(batch), reference.feedForwardScratch(rows: tokens)))
    reference.project(x.data, rows: 0..<tokens, kept: kept)
    for chunk in 0..<reference.attentionChunks(batch) {
      reference.attend(chunk: chunk, batch, kept: kept, key: nil, scratch: scratch.bytes)
    }
    reference.feedForward(x.data, rows: 0..<tokens, kept: kept, key: nil, scratch: scratch.bytes)

    let tested = layer(precision)
    let y = Buffer()
    let activations = precision.activations
    y.reserve(tokens * 24, activations)
    for index in 0..<tokens * 24 {
      if activations == .fp32 {
        y.floats[index] = x[index]
      } else {
        y.bytes.storeBytes(of: x[index].bf16, toByteOffset: index * 2, as: UInt16.self)
      }
    }
    let own = Buffer()
    own.reserve(bytes: tested.inferScratch(batch))
    tested.infer(y.bytes, batch, scratch: own.bytes)
    var difference = 0.0
    var squares = 0.0
    for index in 0..<tokens * 24 {
      let found =
        activations == .fp32
        ? y.floats[index] : Float(bf16: y.bytes.load(fromByteOffset: index * 2, as: UInt16.self))
      difference += pow(Double(found - kept.result.floats[index]), 2)
      squares += pow(Double(kept.result.floats[index]), 2)
    }
    let limits: [Precision: Double] = [.fp32: 1e-6, .bf16: 1e-2, .int8: 3e-2]
    let relative = (difference / squares).squareRoot()
    #expect(relative < limits[precision] ?? 0, "\(relative)")
  }
}

extension Float {
  /// The nearest bfloat16, halves to even.
  var bf16: UInt16 { UInt16(truncatingIfNeeded: (bitPattern &+ 0x7fff &+ (bitPattern >> 16 & 1)) >> 16) }
  init(bf16: UInt16) { self.init(bitPattern: UInt32(bf16) << 16) }
}
