import IntrayCore
import Models
import PluginKit
import Training

extension Finetune {
  /// The same preparation as `run`, and the same model and optimiser groups. Instead of training, a few rows go through
  /// the model forwards to measure the speed.
  static func plan(_ job: RunnerJob, host: RunnerHost) throws -> JobPlan {
    let began = ContinuousClock.now
    let prepared = try FinetunePreparation(job)
    let plan = prepared.plan
    let model = try prepared.loadModel(seed: plan.seed(ofFold: 0))
    let preparing = (ContinuousClock.now - began) / .seconds(1)
    let groups = try LearningRates.groups(
      for: model, encoder: plan.learningRate, head: plan.headLearningRate, decay: plan.layerDecay,
      weightDecay: plan.weightDecay)
    let rates = try LearningRates.rates(of: model.parameters, in: groups)

    let files = ["train": prepared.rows, "validation": prepared.validation, "test": prepared.test]
      .compactMapValues { $0.map { TokenVolume($0.encodings) } }
    let volume = TrainingVolume(
      plan: plan, partitions: prepared.partitions, rows: prepared.rows, validation: prepared.validation,
      test: prepared.test)
    let parameters = model.parameters.reduce(0) { $0 + $1.value.count }
    var memory = MemoryEstimate.training(
      model.configuration, parameters: parameters, batch: volume.largestBatch, prediction: volume.largestPrediction,
      threads: job.threads, precision: prepared.precision, memory: prepared.parameters.memory)
    for file in files.values { memory.add(file, labels: prepared.labels.count) }
    let speed = try MeasuredSpeed.measure(model, encodings: prepared.rows.encodings, pool: prepared.pool)
    return JobPlan(
      memoryBytes: memory.total, memoryParts: memory.parts,
      seconds: preparing
        + speed.seconds(
          for: volume, model: model.configuration, parameters: parameters, memory: prepared.parameters.memory),
      data: files.mapValues { JobPlan.Rows($0) }, steps: volume.steps, trainedTokens: volume.trained.tokens,
      predictedTokens: volume.predicted.tokens, parameters: parameters,
      trainableParameters: rates.reduce(0) { $0 + $1.parameter.value.count }, precision: prepared.precision.rawValue,
      learningRates: rates.map { parameter, group in
        JobPlan.TensorRate(
          name: parameter.name, shape: parameter.value.shape, group: group.name, learningRate: group.learningRate,
          weightDecay: group.weightDecay)
      })
  }
}
