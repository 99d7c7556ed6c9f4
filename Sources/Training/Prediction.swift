import Foundation
import IntrayCore
import Models
import Tensors
import Tokenizers

/// From encodings to logits, labels and probabilities.
public enum Prediction {
  /// Tokens per batch: enough groups of sequences for the threads to end together, little enough to stop soon.
  static let tokensPerBatch = 16384

  /// The logits of each encoding, `encodings.count` x labels, in the given order.
  ///
  /// Sequences of one length are packed together, so that attention's work in a batch is even.
  ///
  /// - Parameter proceed: is asked before each batch, with the rows done so far; false stops.
  /// - Returns: nil when `proceed` said stop.
  public static func logits(
    of encodings: [Encoding], model: SequenceClassifier, proceed: (_ rowsDone: Int) -> Bool = { _ in true }
  ) throws -> [Float]? {
    let columns = model.labels.count
    var result = [Float](repeating: 0, count: encodings.count * columns)
    let order = encodings.indices.sorted { (encodings[$0].ids.count, $0) < (encodings[$1].ids.count, $1) }
    var start = 0
    while start < order.count {
      guard proceed(start) else { return nil }
      var end = start
      var tokens = 0
      while end < order.count, end == start || tokens + encodings[order[end]].ids.count <= tokensPerBatch {
        tokens += encodings[order[end]].ids.count
        end += 1
      }
      let logits = try model.forward(
        PackedBatch(order[start..<end].map { (encodings[$0].ids, encodings[$0].segments) }))
      for (place, row) in order[start..<end].enumerated() {
        for column in 0..<columns { result[row * columns + column] = logits.data[place * columns + column] }
      }
      start = end
    }
    return result
  }

  /// The index of the largest value, counted from the slice's start; the first one of equals.
  public static func largest(_ values: ArraySlice<Float>) -> Int {
    var best = values.startIndex
    for index in values.indices where values[index] > values[best] { best = index }
    return best - values.startIndex
  }

  /// Softmax of each row.
  public static func probabilities(logits: [Float], columns: Int) -> [Float] {
    var result = logits
    for start in stride(from: 0, to: logits.count, by: columns) {
      let row = logits[start..<start + columns]
      let top = Double(row.max() ?? 0)
      let sum = row.reduce(0) { $0 + exp(Double($1) - top) }
      for index in row.indices { result[index] = Float(exp(Double(logits[index]) - top) / sum) }
    }
    return result
  }
}
