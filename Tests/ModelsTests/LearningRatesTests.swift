import IntrayCore
import Models
import Optimizers
import Tensors
import Testing

@Suite struct LearningRatesTests {
  @Test func theTopLayerHasTheBaseRateAndTheEmbeddingsTheLowest() throws {
    let model = try TorchModel.load(.pooler)
    let groups = try LearningRates.groups(for: model, encoder: 1e-4, head: 1e-3, decay: 0.5, weightDecay: 0.02)
    #expect(groups.map(\.name) == ["embeddings", "encoder.layer.0", "encoder.layer.1", "pooler", "classifier"])
    #expect(groups.map(\.learningRate) == [2.5e-5, 5e-5, 1e-4, 1e-4, 1e-3])
    #expect(groups.allSatisfy { $0.weightDecay == 0.02 })
  }

  @Test(arguments: Head.allCases) func everyParameterIsInExactlyOneGroup(head: Head) throws {
    let model = try TorchModel.load(head)
    let groups = try LearningRates.groups(for: model, encoder: 1e-4, head: 1e-3, decay: 0.95)
    #expect(groups.flatMap { $0.parameters.map(\.name) }.sorted() == model.parameters.map(\.name).sorted())
    let rates = try LearningRates.rates(of: model.parameters, in: groups)
    #expect(rates.map(\.parameter.name) == model.parameters.map(\.name))
  }

  @Test(arguments: [
    "bert.adapter.weight", "bert.encoder.layer.2.output.dense.weight", "encoder.layer.0.output.dense.weight", "lstm.w",
  ])
  func aParameterThatNoGroupTakesIsAnErrorThatNamesIt(name: String) throws {
    let parameters = [Parameter(name: "classifier.weight", shape: [3, 4]), Parameter(name: name, shape: [4])]
    let error = #expect(throws: IntrayError.self) {
      try LearningRates.groups(of: parameters, layers: 2, encoder: 1e-4, head: 1e-3, decay: 0.95)
    }
    #expect(error?.code == .bug)
    #expect(error?.message.contains(name) == true)
  }

  @Test func aParameterInNoGroupOrInTwoHasNoRate() throws {
    let model = try TorchModel.load(.mean)
    let all = try LearningRates.groups(for: model, encoder: 1e-4, head: 1e-3, decay: 0.95)
    let groups = Array(all.dropLast())
    let last = try #require(all.last)
    let missing = #expect(throws: IntrayError.self) { try LearningRates.rates(of: model.parameters, in: groups) }
    #expect(missing?.message.contains("classifier.weight is in no learning-rate group") == true)
    let twice = #expect(throws: IntrayError.self) {
      try LearningRates.rates(of: model.parameters, in: groups + [last, last])
    }
    #expect(twice?.message.contains("classifier.weight is in 2 learning-rate groups") == true)
    let rates = try LearningRates.rates(of: model.parameters, in: groups + [last])
    #expect(rates.map(\.parameter.name) == model.parameters.map(\.name))
    #expect(rates.last?.group.learningRate == 1e-3)
  }
}
