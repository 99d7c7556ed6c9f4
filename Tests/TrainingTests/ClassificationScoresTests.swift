import FileKit
import Foundation
import TestSupport
import Testing
import Training

@Suite struct ClassificationScoresTests {
  @Test func scoresAreWhatScikitLearnGives() {
    // accuracy_score, f1_score(average="macro") and log_loss of scikit-learn 1.9.1 for these logits and labels.
    let logits: [Float] = [2, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 3]
    let scores = ClassificationScores(logits: logits, columns: 3, labels: [0, 1, 2, 2])
    #expect(scores.accuracy == 0.75)
    #expect(abs(scores.macroF1 - 7.0 / 9.0) < 1e-12)
    // Row losses: log(1 + 2 e^-2), log(1 + 2 e^-1), log(2 + e), log(1 + 2 e^-3).
    let loss = (log(1 + 2 * exp(-2.0)) + log(1 + 2 * exp(-1.0)) + log(2 + exp(1.0)) + log(1 + 2 * exp(-3.0))) / 4
    #expect(abs(scores.loss - loss) < 1e-6)
    #expect(!scores.isCollapsed)
  }

  @Test func oneLabelForAllIsACollapse() {
    let logits = [Float](repeating: 0, count: 90).enumerated().map { $0.offset % 3 == 0 ? Float(1) : 0 }
    let labels = (0..<30).map { Int32($0 % 3) }
    #expect(ClassificationScores(logits: logits, columns: 3, labels: labels).isCollapsed)
    #expect(!ClassificationScores(logits: logits, columns: 3, labels: [Int32](repeating: 0, count: 30)).isCollapsed)
  }

  @Test func probabilitiesSumToOneAndSurviveLargeLogits() {
    let p = Prediction.probabilities(logits: [1000, 999, -1000, 0, 0, 0], columns: 3)
    #expect(abs(p[0] - 0.7310586) < 1e-6)
    #expect(p[2] == 0)
    #expect(abs(p[3...].reduce(0, +) - 1) < 1e-6)
  }

  @Test func anNpyFileHasNumPysHeader() throws {
    let folder = try TemporaryFolder()
    try NpyFile.write([1, 2, 3, 4, 5, 6], columns: 3, to: "\(folder.path)/m.npy")
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/m.npy"))
    #expect(data.prefix(8) == Data([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0]))
    let length = Int(data[8]) + Int(data[9]) << 8
    #expect((10 + length) % 64 == 0)
    let header = String(decoding: data[10..<10 + length], as: UTF8.self)
    #expect(header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"))
    #expect(header.hasSuffix("\n"))
    #expect(data.count == 10 + length + 24)
  }
}
