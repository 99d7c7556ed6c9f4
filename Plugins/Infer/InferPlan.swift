import IntrayCore
import PluginKit
import Tokenizers
import Training

extension Infer {
  /// All rows are read and cut into tokens, block by block as `run` does it; a few go through the model to measure the
  /// speed.
  static func plan(_ job: RunnerJob, host: RunnerHost) throws -> JobPlan {
    let began = ContinuousClock.now
    let prepared = try InferPreparation(job)
    let model = prepared.model.configuration
    let rows = try prepared.open()
    var input = TokenVolume()
    var largestBlock = TokenVolume()
    var sample: [Encoding] = []
    while true {
      if host.shouldStop { throw StopRequested() }
      let encodings = try prepared.encode(rows, limit: LabelledBlock.rows).encodings
      if encodings.isEmpty { break }
      if sample.isEmpty { sample = encodings }
      let block = TokenVolume(encodings)
      input.add(block)
      if block.tokens > largestBlock.tokens { largestBlock = block }
    }
    let preparing = (ContinuousClock.now - began) / .seconds(1)
    let parameters = prepared.model.parameters.reduce(0) { $0 + $1.value.count }
    var memory = MemoryEstimate.prediction(
      model, parameters: parameters, batch: Prediction.largestBatch(of: input), threads: job.threads,
      precision: prepared.model.precision)
    memory.add(largestBlock, labels: prepared.labels.count)
    let speed = try MeasuredSpeed.measure(prepared.model, encodings: sample, pool: prepared.pool)
    return JobPlan(
      memoryBytes: memory.total, memoryParts: memory.parts,
      seconds: preparing + speed.seconds(predicting: input, model: model), data: ["input": JobPlan.Rows(input)],
      predictedTokens: input.tokens, parameters: parameters, trainableParameters: 0,
      precision: prepared.model.precision.rawValue)
  }
}
