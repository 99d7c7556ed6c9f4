import Models
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
  }
}
