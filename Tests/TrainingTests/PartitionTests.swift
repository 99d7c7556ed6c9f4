import Testing
import Training

@Suite struct PartitionTests {
  static let labels: [Int32] = (0..<103).map { Int32($0 % 10 == 0 ? 2 : $0 % 2) }

  @Test(arguments: [2, 3, 5, 10]) func everyRowIsHeldOutExactlyOnce(_ count: Int) {
    let folds = Partition.folds(count, labels: Self.labels, seed: 1)
    #expect(folds.flatMap(\.validation).sorted() == Array(0..<103))
    for fold in folds {
      #expect((fold.training + fold.validation).sorted() == Array(0..<103))
      #expect(abs(fold.validation.count - 103 / count) <= 1)
    }
  }

  @Test func everyLabelIsSpreadEvenly() {
    for fold in Partition.folds(5, labels: Self.labels, seed: 3) {
      for label in Int32(0)...2 {
        let all = Self.labels.count { $0 == label }
        let here = fold.validation.count { Self.labels[$0] == label }
        #expect(abs(here - all / 5) <= 1, "label \(label): \(here) of \(all)")
      }
    }
  }

  @Test func aShareHasTheWantedSizeAndEachLabel() {
    let part = Partition.share(0.2, labels: Self.labels, seed: 3)
    #expect(part.validation.count == 21)
    #expect((part.training + part.validation).sorted() == Array(0..<103))
    #expect(Set(part.validation.map { Self.labels[$0] }) == [0, 1, 2])
    #expect(part != Partition.share(0.2, labels: Self.labels, seed: 4))
  }

  @Test func aShareLeavesSomethingToTrainOn() {
    let part = Partition.share(0.9, labels: [0, 1], seed: 1)
    #expect(part.training.count == 1)
    #expect(part.validation.count == 1)
  }
}
