import FileKit
import IntrayCore
import Models
import Optimizers
import Safetensors
import Tensors
import TestSupport
import Testing

@Suite struct SequenceClassifierTests {
  @Test(arguments: Head.allCases) func logitsEqualThoseOfPyTorch(head: Head) throws {
    let model = try TorchModel.load(head)
    let logits = try model.forward(TorchModel.batches()[0].packed)
    let expected = try TorchModel.expected(head).floats("logits")
    for (found, wanted) in zip(logits.elements, expected) { #expect(abs(found - wanted) < 1e-5) }
    #expect(logits.shape == [5, 3])
    #expect(model.labels == ["cs.AI", "cs.CL", "cs.CV"])
    #expect(model.newlyInitialised.isEmpty)
  }

  @Test(arguments: Head.allCases, [Precision.bf16, .int8]) func fewerBitsComeCloseToPyTorch(
    head: Head, precision: Precision
  ) throws {
    let logits = try TorchModel.load(head, precision: precision).forward(TorchModel.batches()[0].packed).elements
    let difference = relativeDifference(logits, try TorchModel.expected(head).floats("logits"))
    #expect(difference < (precision == .bf16 ? 0.02 : 0.05), "\(difference)")
  }

  @Test(arguments: Head.allCases) func gradientsInBfloat16ComeCloseToPyTorch(head: Head) throws {
    let model = try TorchModel.loadWithoutDropout(head, precision: .bf16, pool: ThreadPool(threads: 2))
    let batch = try TorchModel.batches()[0]
    let expected = try TorchModel.expected(head)
    let logits = try model.forward(batch.packed, dropout: DropoutKey(seed: 1, step: 0))
    let gradient = Tensor(logits.shape)
    let loss = crossEntropy(logits: logits, labels: batch.labels, gradient: gradient)
    #expect(abs(loss - Double(try expected.floats("loss")[0])) < 2e-2)
    model.backward(gradient)
    for parameter in model.parameters where !parameter.name.hasSuffix("key.bias") {
      let difference = relativeDifference(
        parameter.gradient.elements, try expected.floats("gradient.\(parameter.name)"))
      #expect(difference < 0.05, "\(parameter.name): \(difference)")
    }
  }

  @Test(arguments: Head.allCases) func everyGradientEqualsThatOfPyTorch(head: Head) throws {
    let model = try TorchModel.loadWithoutDropout(head, pool: ThreadPool(threads: 2))
    let batch = try TorchModel.batches()[0]
    let expected = try TorchModel.expected(head)
    let logits = try model.forward(batch.packed, dropout: DropoutKey(seed: 1, step: 0))
    let gradient = Tensor(logits.shape)
    let loss = crossEntropy(logits: logits, labels: batch.labels, gradient: gradient)
    #expect(abs(loss - Double(try expected.floats("loss")[0])) < 1e-5)
    model.backward(gradient)
    #expect(
      Set(expected.names.filter { $0.hasPrefix("gradient.") }.map { String($0.dropFirst(9)) })
        == Set(model.parameters.map(\.name)))
    for parameter in model.parameters {
      let wanted = try expected.floats("gradient.\(parameter.name)")
      // A key's bias moves all scores of a query alike: its gradient is 0 but for rounding.
      if parameter.name.hasSuffix("key.bias") {
        #expect(parameter.gradient.elements.allSatisfy { abs($0) < 1e-5 })
      } else {
        #expect(relativeDifference(parameter.gradient.elements, wanted) < 1e-4, "\(parameter.name)")
      }
    }
  }

  @Test(arguments: Head.allCases) func twentyTrainingStepsFollowThoseOfPyTorch(head: Head) throws {
    let pool = ThreadPool(threads: 2)
    let model = try TorchModel.loadWithoutDropout(head, pool: pool)
    let batches = try TorchModel.batches()
    let expected = try TorchModel.training(head)
    let optimizer = AdamW(
      groups: try LearningRates.groups(for: model, encoder: 2e-3, head: 1e-2, decay: 0.8), pool: pool)
    let schedule = LinearSchedule(warmup: 2, total: 20)
    var losses: [Double] = []
    for step in 0..<20 {
      for micro in 0..<2 {
        let batch = batches[(2 * step + micro) % 24]
        let logits = try model.forward(batch.packed, dropout: DropoutKey(seed: 1, step: UInt64(step)))
        let gradient = Tensor(logits.shape)
        losses.append(crossEntropy(logits: logits, labels: batch.labels, gradient: gradient, scale: 0.5))
        model.backward(gradient)
      }
      let norm = optimizer.clip(maxNorm: 1)
      #expect(abs(norm - expected.norms[step]) < 1e-2 * expected.norms[step])
      optimizer.step(scale: schedule.factor(step))
      model.parametersChanged()
      model.zeroGradients()
    }
    for (found, wanted) in zip(losses, expected.losses) { #expect(abs(found - wanted) < 1e-3) }
    #expect(losses.count == expected.losses.count)
  }

  @Test(arguments: Head.allCases, [Precision.fp32, .bf16]) func neitherThreadsNorMemoryChangeABit(
    head: Head, precision: Precision
  ) throws {
    func train(threads: Int, memory: Memory = .normal) throws -> [UInt32] {
      let pool = ThreadPool(threads: threads)
      let model = try SequenceClassifier.load(
        folder: TorchModel.folder(head), dropout: 0.3, precision: precision, memory: memory, pool: pool)
      let optimizer = AdamW(
        groups: try LearningRates.groups(for: model, encoder: 1e-3, head: 1e-2, decay: 0.9), pool: pool)
      // Many rows, so that there are several chunks.
      let batches = try TorchModel.batches()
      let ids = batches.flatMap(\.ids)
      let packed = PackedBatch(zip(ids, batches.flatMap(\.segments)).map { (ids: $0, segments: $1) })
      for step in 0..<3 {
        let logits = try model.forward(packed, dropout: DropoutKey(seed: 7, step: UInt64(step)))
        let gradient = Tensor(logits.shape)
        _ = crossEntropy(logits: logits, labels: batches.flatMap(\.labels), gradient: gradient)
        model.zeroGradients()
        model.backward(gradient)
        _ = optimizer.clip(maxNorm: 1)
        optimizer.step(scale: 1)
        model.parametersChanged()
      }
      return model.parameters.flatMap { $0.value.elements.map(\.bitPattern) }
    }
    let one = try train(threads: 1)
    #expect(try train(threads: 2) == one)
    #expect(try train(threads: 3) == one)
    #expect(try train(threads: 2, memory: .low) == one)
  }

  @Test func dropoutDependsOnSeedAndStepOnly() throws {
    let model = try SequenceClassifier.load(folder: TorchModel.folder(.mean), pool: ThreadPool(threads: 2))
    let batch = try TorchModel.batches()[0].packed
    let first = try model.forward(batch, dropout: DropoutKey(seed: 1, step: 0)).elements
    let plain = try model.forward(batch).elements
    let otherStep = try model.forward(batch, dropout: DropoutKey(seed: 1, step: 1)).elements
    let otherSeed = try model.forward(batch, dropout: DropoutKey(seed: 2, step: 0)).elements
    #expect(try model.forward(batch, dropout: DropoutKey(seed: 1, step: 0)).elements == first)
    #expect(Set([first, plain, otherStep, otherSeed]).count == 4)
  }

  @Test func gradientsWithDropoutEqualFiniteDifferences() throws {
    let model = try SequenceClassifier.load(
      folder: TorchModel.folder(.pooler), dropout: 0.2, precision: .fp32, pool: ThreadPool(threads: 2))
    let batch = try TorchModel.batches()[1]
    let key = DropoutKey(seed: 5, step: 3)
    func currentLoss() throws -> Double {
      let logits = try model.forward(batch.packed, dropout: key)
      return crossEntropy(logits: logits, labels: batch.labels, gradient: Tensor(logits.shape))
    }
    let logits = try model.forward(batch.packed, dropout: key)
    let gradient = Tensor(logits.shape)
    _ = crossEntropy(logits: logits, labels: batch.labels, gradient: gradient)
    model.backward(gradient)
    for parameter in model.parameters where !parameter.name.hasSuffix("key.bias") {
      // Along the gradient itself: the slope is its norm.
      let direction = parameter.gradient.elements
      let norm = direction.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      let start = parameter.value.elements
      let distance = 3e-3
      func loss(at shift: Double) throws -> Double {
        for index in start.indices { parameter.value[index] = start[index] + Float(shift / norm) * direction[index] }
        model.parametersChanged()
        return try currentLoss()
      }
      let slope = (try loss(at: distance) - loss(at: -distance)) / (2 * distance)
      for index in start.indices { parameter.value[index] = start[index] }
      #expect(abs(slope - norm) < 0.02 * norm + 1e-4, "\(parameter.name): \(slope) for \(norm)")
    }
  }

  @Test(arguments: Head.allCases) func aSavedModelGivesTheSameBits(head: Head) throws {
    let pool = ThreadPool(threads: 2)
    let model = try TorchModel.load(head, pool: pool)
    let batch = try TorchModel.batches()[2].packed
    let folder = try TemporaryFolder()
    try model.save(to: folder.path)
    let again = try SequenceClassifier.load(folder: folder.path, precision: .fp32, pool: pool)
    #expect(again.head == head)
    #expect(again.labels == model.labels)
    #expect(again.newlyInitialised.isEmpty)
    #expect(try again.forward(batch).elements == model.forward(batch).elements)
    let config = try JSON.decode(JSONValue.self, from: Files.read("\(folder.path)/config.json"), path: "config.json")
    #expect(config["id2label"]?["1"]?.string == "cs.CL")
    #expect(config["label2id"]?["cs.CV"]?.int == 2)
    #expect(
      config["architectures"]?.array == [
        head == .pooler ? "BertForSequenceClassification" : "IntrayMeanForSequenceClassification"
      ])
  }

  @Test func saveTakesTheTokenizerAlong() throws {
    let source = try TorchModel.copy(.mean, changing: [:])
    try source.write("[PAD]\n", to: "vocab.txt")
    let target = try TemporaryFolder()
    try SequenceClassifier.load(folder: source.path, pool: ThreadPool(threads: 1)).save(to: "\(target.path)/new")
    #expect(try Files.list("\(target.path)/new") == ["config.json", "model.safetensors", "vocab.txt"])
  }

  @Test func anotherHeadOrOtherLabelsGetANewClassifier() throws {
    let pool = ThreadPool(threads: 1)
    let batch = try TorchModel.batches()[0].packed
    let model = try SequenceClassifier.load(folder: TorchModel.folder(.mean), labels: ["a", "b"], seed: 3, pool: pool)
    #expect(model.newlyInitialised == ["classifier.weight", "classifier.bias"])
    #expect(try model.forward(batch).shape == [5, 2])
    // Both the weight and the bias are drawn, within torch.nn.Linear's bound.
    let bound = 1 / Float(model.configuration.hiddenSize).squareRoot()
    for parameter in model.parameters.suffix(2) {
      #expect(parameter.value.elements.allSatisfy { $0 != 0 && abs($0) <= bound })
    }
    let same = try SequenceClassifier.load(folder: TorchModel.folder(.mean), labels: ["a", "b"], seed: 3, pool: pool)
    #expect(same.parameters.last?.value.elements == model.parameters.last?.value.elements)
    #expect(try same.forward(batch).elements == model.forward(batch).elements)
    let other = try SequenceClassifier.load(folder: TorchModel.folder(.mean), labels: ["a", "b"], seed: 4, pool: pool)
    #expect(try other.forward(batch).elements != model.forward(batch).elements)

    let pooler = try SequenceClassifier.load(folder: TorchModel.folder(.mean), head: .pooler, pool: pool)
    #expect(
      pooler.newlyInitialised == [
        "bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias",
      ])
  }

  @Test func aTextThatIsTooLongIsAnError() throws {
    let model = try TorchModel.load(.mean)
    let ids = [Int32](repeating: 1, count: 41)
    let error = #expect(throws: IntrayError.self) { try model.forward(PackedBatch([(ids, ids)])) }
    #expect(error?.description == "a text of 41 tokens; the model takes at most 40; lower max_length")
    #expect(throws: IntrayError.self) { try model.forward(PackedBatch([([101], [0])])) }
    #expect(throws: IntrayError.self) { try model.forward(PackedBatch([([-1], [0])])) }
    #expect(throws: IntrayError.self) { try model.forward(PackedBatch([([1], [2])])) }
    #expect(throws: IntrayError.self) { try model.forward(PackedBatch([([1], [0]), ([], [])])) }
    #expect(try model.forward(PackedBatch([])).shape == [0, 3])
  }

  @Test func oneTokenAndTheLongestTextWorkTogether() throws {
    let model = try TorchModel.load(.pooler)
    let long = [Int32](repeating: 7, count: 40)
    let together = try model.forward(PackedBatch([([3], [0]), (long, long.map { _ in 0 })]))
    let alone = try model.forward(PackedBatch([(long, long.map { _ in 0 })]))
    for index in 0..<3 { #expect(abs(together[3 + index] - alone[index]) < 1e-5) }
  }
}
