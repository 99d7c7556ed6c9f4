import FileKit
import IntrayCore
import PluginKit
import Tables
import Tensors
import Training

/// What a finetune job leaves beside the model.
///
///     predictions.csv           id, label, probability of each test row
///     test_logits.npy           test rows x labels, averaged over the folds
///     held_out.csv              id, label, predicted, probability of each training row that was set aside
///     metrics.json              scores, epochs, speed
struct FinetuneResults {
  let job: RunnerJob
  let rows: EncodedTexts
  let test: EncodedTexts?
  let labels: LabelSet

  func write(_ result: TrainingResult, pool: ThreadPool) throws {
    var metrics = Metrics(result, pool: pool)
    if let test {
      try NpyFile.write(result.testLogits, columns: labels.count, to: job.output("test_logits.npy"))
      let probabilities = Prediction.probabilities(logits: result.testLogits, columns: labels.count)
      let predictions = try TableWriter(job.output("predictions.csv"), header: ["id", "label", "probability"])
      for (row, id) in test.ids.enumerated() {
        let (label, probability) = best(probabilities[row * labels.count..<(row + 1) * labels.count])
        try predictions.write([id, label, probability])
      }
      try predictions.close()
      if test.labels.count == test.count, test.count > 0 {
        metrics.test = ClassificationScores(logits: result.testLogits, columns: labels.count, labels: test.labels)
      }
    }
    if !result.heldOut.isEmpty {
      let table = try TableWriter(job.output("held_out.csv"), header: ["id", "label", "predicted", "probability"])
      for (row, logits) in result.heldOut.sorted(by: { $0.key < $1.key }) {
        let (label, probability) = best(Prediction.probabilities(logits: Array(logits), columns: labels.count)[...])
        try table.write([rows.ids[row], labels.names[Int(rows.labels[row])], label, probability])
      }
      try table.close()
    }
    try Files.publish(try JSON.encode(metrics, pretty: true), to: job.output("metrics.json"))
  }

  private func best(_ probabilities: ArraySlice<Float>) -> (label: String, probability: String) {
    let index = Prediction.largest(probabilities)
    return (labels.names[index], "\(probabilities[probabilities.startIndex + index])")
  }

  private struct Metrics: Encodable {
    var accuracy: Double?
    var validation: ClassificationScores?
    var test: ClassificationScores?
    var bestFold: Int
    var bestEpoch: Int
    var labels: [String]
    var epochs: [EpochReport]
    var trainingSeconds: Double
    var trainedTokens: Int
    /// Of the last attempt, evaluation included: from start to end, and in which threads computed, all threads together.
    var phaseSeconds: [String: Double]
    var phaseBusySeconds: [String: Double]

    init(_ result: TrainingResult, pool: ThreadPool) {
      accuracy = result.validation?.accuracy
      validation = result.validation
      bestFold = result.bestFold
      bestEpoch = result.bestEpoch
      labels = result.labels
      epochs = result.history
      trainingSeconds = result.seconds
      trainedTokens = result.tokens
      let times = pool.times
      phaseSeconds = Dictionary(uniqueKeysWithValues: times.map { ($0.key.name, $0.value.wall) })
      phaseBusySeconds = Dictionary(uniqueKeysWithValues: times.map { ($0.key.name, $0.value.busy) })
    }

    enum CodingKeys: String, CodingKey {
      case accuracy, validation, test, labels, epochs
      case bestFold = "best_fold"
      case bestEpoch = "best_epoch"
      case trainingSeconds = "training_seconds"
      case trainedTokens = "trained_tokens"
      case phaseSeconds = "phase_seconds"
      case phaseBusySeconds = "phase_busy_seconds"
    }
  }
}
