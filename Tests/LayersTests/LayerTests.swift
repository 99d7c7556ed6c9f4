import CKernels
import Layers
import Tensors
import TestSupport
import Testing

@Suite struct SelfAttentionTests {
  init() throws { try BLAS.load() }

  struct Case {
    let attention: SelfAttention
    let batch: PackedBatch
    let key: DropoutKey?
    let pool: ThreadPool
    let features: Int
    let logsum: Tensor
    let context: Tensor

    init(heads: Int, size: Int, lengths: [Int], rate: Double = 0, threads: Int = 2) {
      attention = SelfAttention(heads: heads, headSize: size, layer: 3, dropoutRate: rate)
      batch = PackedBatch(
        lengths.map { (ids: [Int32](repeating: 0, count: $0), segments: [Int32](repeating: 0, count: $0)) })
      key = rate > 0 ? DropoutKey(seed: 8, step: 9) : nil
      pool = ThreadPool(threads: threads)
      features = heads * size
      logsum = Tensor([batch.tokens, heads])
      context = Tensor([batch.tokens, features])
    }

    func forward(_ qkv: Tensor) {
      pool.run(chunks: attention.chunks(batch), scratch: attention.scratch(batch)) { chunk, scratch in
        attention.forward(
          chunk: chunk, batch, qkv: qkv.data, logsum: logsum.data, context: context.data, key: key, scratch: scratch)
      }
    }

    func backward(_ qkv: Tensor, _ dcontext: Tensor) -> Tensor {
      let dqkv = Tensor(qkv.shape)
      dqkv.fill(.nan)
      pool.run(chunks: attention.chunks(batch), scratch: attention.scratch(batch)) { chunk, scratch in
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
  init() throws { try BLAS.load() }

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
      for range in [0..<rows / 2, rows / 2..<rows] where !range.isEmpty {
        linear.forward(x.data, into: y.data, rows: range)
        linear.addBias(y.data, rows: range)
      }
      return dot(y, dy)
    }
    let dx = Tensor(x.shape)
    linear.backwardInput(dy.data, into: dx.data, rows: 0..<rows)
    for range in [0..<outputs, outputs..<2 * outputs] {
      linear.backwardWeights(x.data, dy.data, tokens: rows, outputs: range)
    }
    expectSlopes(x, dx, within: 1e-2, loss: loss)
    for parameter in linear.parameters {
      expectSlopes(parameter.value, parameter.gradient, within: 1e-2, "\(parameter.name)", loss: loss)
    }
  }
}

@Suite struct PoolingTests {
  init() throws { try BLAS.load() }

  @Test(arguments: [false, true]) func gradientsAreTheSlopes(isMean: Bool) {
    let features = 6
    let pooling: any Pooling =
      isMean ? MeanPooling(features: features) : FirstTokenPooling(name: "pooler.dense", features: features)
    for parameter in pooling.parameters { parameter.value.copy(from: normal(parameter.value.shape, 5)) }
    let lengths = [1, 4, 2]
    let batch = PackedBatch(
      lengths.map { (ids: [Int32](repeating: 0, count: $0), segments: [Int32](repeating: 0, count: $0)) })
    let pool = ThreadPool(threads: 2)
    let (x, dpooled) = (normal([7, features], 1), normal([3, features], 2))
    let pooled = Tensor([3, features])
    func loss() -> Double {
      pooling.forward(x.data, batch, into: pooled.data, pool: pool)
      return dot(pooled, dpooled)
    }
    _ = loss()
    let dx = Tensor([7, features])
    dx.fill(.nan)
    pooling.backward(dpooled.data, batch, into: dx.data, pool: pool)
    for index in stride(from: 0, to: 42, by: 1) { #expect(dx[index].isFinite) }
    expectSlopes(x, dx, within: 5e-3, loss: loss)
    for parameter in pooling.parameters {
      expectSlopes(parameter.value, parameter.gradient, within: 5e-3, "\(parameter.name)", loss: loss)
    }
  }
}

@Suite struct EncoderLayerTests {
  init() throws { try BLAS.load() }

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
    let (kept, scratch) = (EncoderLayerActivations(), EncoderScratch())
    let (x, dy) = (normal([9, 12], 1), normal([9, 12], 2))
    let rows = [0..<4, 4..<9]
    let key = DropoutKey(seed: 2, step: 2)
    func loss() -> Double {
      layer.forward(x.data, batch, rows: rows, kept: kept, scratch: scratch, key: key, pool: pool)
      return (0..<108).reduce(0) { $0 + Double(kept.result.data[$1]) * Double(dy[$1]) }
    }
    _ = loss()
    let dx = Tensor([9, 12])
    dx.copy(from: dy)
    layer.backward(dx.data, x.data, batch, rows: rows, kept: kept, scratch: scratch, key: key, pool: pool)
    expectSlopes(x, dx, step: 3e-3, within: 2e-2, loss: loss)
    for parameter in layer.parameters {
      expectSlopes(parameter.value, parameter.gradient, step: 3e-3, within: 2e-2, "\(parameter.name)", loss: loss)
    }
  }
}
