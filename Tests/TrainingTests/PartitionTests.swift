import IntrayCore
import TestSupport
import Testing
import Training

@Suite struct PartitionTests {
  static let labels: [Int32] = (0..<103).map { Int32($0 % 10 == 0 ? 2 : $0 % 2) }

  /// Every third row of 90 is a copy of the row before it; row 2 comes before its original, and row 89's is not there.
  static let copied: Lineage = {
    var lineage = Lineage()
    for row in 0..<90 {
      let parent = row == 2 ? "3" : row == 89 ? "gone" : row % 3 == 2 ? "\(row - 1)" : nil
      lineage.append(id: "\(row)", parent: parent)
    }
    return lineage
  }()

  static func originals(_ count: Int) -> Lineage {
    var lineage = Lineage()
    for row in 0..<count { lineage.append(id: "\(row)", parent: nil) }
    return lineage
  }

  @Test(arguments: [2, 3, 5, 10]) func everyRowIsHeldOutExactlyOnce(_ count: Int) {
    let folds = Partition.folds(count, labels: Self.labels, lineage: Self.originals(103), seed: 1)
    #expect(folds.flatMap(\.validation).sorted() == Array(0..<103))
    for fold in folds {
      #expect((fold.training + fold.validation).sorted() == Array(0..<103))
      #expect(abs(fold.validation.count - 103 / count) <= 1)
    }
  }

  @Test func everyLabelIsSpreadEvenly() {
    for fold in Partition.folds(5, labels: Self.labels, lineage: Self.originals(103), seed: 3) {
      for label in Int32(0)...2 {
        let all = Self.labels.count { $0 == label }
        let here = fold.validation.count { Self.labels[$0] == label }
        #expect(abs(here - all / 5) <= 1, "label \(label): \(here) of \(all)")
      }
    }
  }

  @Test func aShareHasTheWantedSizeAndEachLabel() {
    let part = Partition.share(0.2, labels: Self.labels, lineage: Self.originals(103), seed: 3)
    #expect(part.validation.count == 21)
    #expect((part.training + part.validation).sorted() == Array(0..<103))
    #expect(Set(part.validation.map { Self.labels[$0] }) == [0, 1, 2])
    #expect(part != Partition.share(0.2, labels: Self.labels, lineage: Self.originals(103), seed: 4))
  }

  @Test func aShareLeavesSomethingToTrainOn() {
    let part = Partition.share(0.9, labels: [0, 1], lineage: Self.originals(2), seed: 1)
    #expect(part.training.count == 1)
    #expect(part.validation.count == 1)
  }

  @Test(arguments: [2, 5]) func aCopyIsNeverTrainedOnWhereItsOriginalIsValidated(_ count: Int) {
    let labels = Array(Self.labels.prefix(90))
    let folds = Partition.folds(count, labels: labels, lineage: Self.copied, seed: 1)
    #expect(folds.flatMap(\.validation).sorted() == Self.copied.originalRows)
    for fold in folds + [Partition.share(0.3, labels: labels, lineage: Self.copied, seed: 2)] {
      let validated = Set(fold.validation)
      for (row, origin) in Self.copied.origins.enumerated() where !validated.contains(row) {
        #expect(fold.training.contains(row) == !(origin.map(validated.contains) ?? false), "row \(row)")
      }
      #expect(fold.training == fold.training.sorted())
    }
  }

  @Test func anOriginalHasItsOwnIdOrNothingAsItsParent() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "id,text,parent_id\na,one,a\nb,two,\na-1,three,a\nc-1,four,c\n", to: "augmented.csv")
    let rows = try TextRows(path, columns: Columns(id: "id", text: ["text"]), labels: .optional)
    var lineage = Lineage()
    while let row = try rows.next() { lineage.append(id: row.id, parent: row.parent) }
    #expect(lineage.originalRows == [0, 1])
    #expect(lineage.origins == [0, 1, 0, nil])
  }
}
