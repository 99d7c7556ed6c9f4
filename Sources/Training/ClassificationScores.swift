import Foundation

/// How well logits fit the labels.
public struct ClassificationScores: Sendable, Equatable, Codable {
  public var rows: Int
  public var accuracy: Double
  /// The mean over the labels that occur of the harmonic mean of precision and recall.
  public var macroF1: Double
  /// Mean cross-entropy in nats.
  public var loss: Double
  /// The share of rows that got the label that was predicted most often. A collapsed model has 1.
  public var largestPredictedShare: Double
  /// The share of the most frequent true label.
  public var largestTrueShare: Double

  /// - Parameter logits: `labels.count` x `columns`, in row order.
  public init(logits: [Float], columns: Int, labels: [Int32]) {
    var hits = 0
    var nats = 0.0
    var predicted = [Int](repeating: 0, count: columns)
    var actual = [Int](repeating: 0, count: columns)
    var right = [Int](repeating: 0, count: columns)
    for (row, label) in labels.enumerated() {
      let scores = logits[row * columns..<(row + 1) * columns]
      let guess = Prediction.largest(scores)
      predicted[guess] += 1
      actual[Int(label)] += 1
      if guess == Int(label) {
        hits += 1
        right[guess] += 1
      }
      let top = Double(scores[scores.startIndex + guess])
      let logSum = top + log(scores.reduce(0) { $0 + exp(Double($1) - top) })
      nats += logSum - Double(scores[scores.startIndex + Int(label)])
    }
    let occurring = actual.indices.filter { actual[$0] > 0 }
    let f1 = occurring.map { 2 * Double(right[$0]) / Double(predicted[$0] + actual[$0]) }
    rows = labels.count
    let total = Double(max(1, rows))
    accuracy = Double(hits) / total
    macroF1 = f1.reduce(0, +) / Double(max(1, f1.count))
    loss = nats / total
    largestPredictedShare = Double(predicted.max() ?? 0) / total
    largestTrueShare = Double(actual.max() ?? 0) / total
  }

  /// Nearly every row gets the same label though the truth is spread: training diverged (recipe.md, trap 10).
  public var isCollapsed: Bool { rows >= 20 && largestPredictedShare > 0.95 && largestTrueShare < 0.8 }

  enum CodingKeys: String, CodingKey {
    case rows, accuracy, loss
    case macroF1 = "macro_f1"
    case largestPredictedShare = "largest_predicted_share"
    case largestTrueShare = "largest_true_share"
  }
}
