import FileKit
import IntrayCore
import PluginKit
import Tables
import Training

/// Puts the blocks together.
///
///     predictions.csv      id, label, probability; on request then one column per label
///     probabilities.npy    rows x labels, on request
///     metrics.json         rows, speed, accuracy where the input has labels
struct InferResults {
  struct Metrics: Encodable {
    var rows: Int
    var rowsPerSecond: Double
    var tokensPerSecond: Double
    var accuracy: Double?
    var labels: [String]
    /// How many rows got each label.
    var predicted: [String: Int]

    enum CodingKeys: String, CodingKey {
      case rows, accuracy, labels, predicted
      case rowsPerSecond = "rows_per_s"
      case tokensPerSecond = "tokens_per_s"
    }
  }

  let job: RunnerJob
  let labels: LabelSet
  let withProbabilities: Bool

  func write(blocks: BlockStore<LabelledBlock>, count: Int, rows: Int, rowsPerSecond: Double, tokensPerSecond: Double)
    throws -> Metrics
  {
    let header = ["id", "label", "probability"] + (withProbabilities ? labels.names : [])
    let table = try TableWriter(job.output("predictions.csv"), header: header)
    let matrix = withProbabilities ? try FileWriter(job.output("probabilities.npy")) : nil
    try NpyFile.header(rows: rows, columns: labels.count).withUnsafeBytes { try matrix?.write($0) }
    var predicted: [String: Int] = [:]
    var hits = 0
    var judged = 0
    for index in 0..<count {
      let block = try blocks.read(index)
      let probabilities = Prediction.probabilities(logits: block.values, columns: labels.count)
      try probabilities.withUnsafeBytes { try matrix?.write($0) }
      for (row, id) in block.ids.enumerated() {
        let scores = probabilities[row * labels.count..<(row + 1) * labels.count]
        let best = Prediction.largest(scores)
        predicted[labels.names[best], default: 0] += 1
        if row < block.labels.count {
          judged += 1
          if Int(block.labels[row]) == best { hits += 1 }
        }
        try table.write(
          [id, labels.names[best], "\(scores[scores.startIndex + best])"]
            + (withProbabilities ? scores.map { "\($0)" } : []))
      }
    }
    try table.close()
    try matrix?.close(sync: false)
    let metrics = Metrics(
      rows: rows, rowsPerSecond: rowsPerSecond, tokensPerSecond: tokensPerSecond,
      accuracy: judged > 0 ? Double(hits) / Double(judged) : nil,
      labels: labels.names, predicted: predicted)
    try Files.publish(try JSON.encode(metrics, pretty: true), to: job.output("metrics.json"))
    return metrics
  }
}
