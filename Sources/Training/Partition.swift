import IntrayCore
import Tensors

/// Which rows a model trains on, and which ones it is measured on. Row indices, ascending.
public struct Partition: Sendable, Equatable {
  public var training: [Int]
  public var validation: [Int]

  public init(training: [Int], validation: [Int]) {
    self.training = training
    self.validation = validation
  }

  /// `count` folds: each original is in the validation part of exactly one, and each label is spread as evenly as it goes.
  ///
  /// A copy is in the training part of all folds but the one that its original is validated in, and is never validated: a
  /// model that has seen a copy is not measured on the original (recipe, trap 8).
  public static func folds(_ count: Int, labels: [Int32], lineage: Lineage, seed: UInt64) -> [Partition] {
    var fold = [Int: Int]()
    // Dealing the rows out label by label, without starting anew at each label, keeps both the labels and the sizes even.
    for (place, row) in shuffledByLabel(labels, lineage.originalRows, seed: seed).enumerated() {
      fold[row] = place % count
    }
    return (0..<count).map { number in split(lineage) { fold[$0] == number } }
  }

  /// A share of each label's originals set aside for validation, at least one row and never all of them.
  public static func share(_ share: Double, labels: [Int32], lineage: Lineage, seed: UInt64) -> Partition {
    let rows = shuffledByLabel(labels, lineage.originalRows, seed: seed)
    let wanted = min(rows.count - 1, max(1, Int((share * Double(rows.count)).rounded())))
    // Evenly spaced in the order of labels: a stratified sample of exactly the wanted size.
    let chosen = Set((0..<max(wanted, 0)).map { rows[$0 * rows.count / wanted] })
    return split(lineage, chosen.contains)
  }

  private static func split(_ lineage: Lineage, _ isValidated: (Int) -> Bool) -> Partition {
    var partition = Partition(training: [], validation: [])
    for (row, origin) in lineage.origins.enumerated() {
      guard let origin, isValidated(origin) else {
        partition.training.append(row)
        continue
      }
      if origin == row { partition.validation.append(row) }
    }
    return partition
  }

  /// The rows, grouped by label, shuffled within each label.
  private static func shuffledByLabel(_ labels: [Int32], _ rows: [Int], seed: UInt64) -> [Int] {
    var random = CounterRandom(seed: seed, purpose: CounterRandom.Purpose.folds)
    let groups = Dictionary(grouping: random.shuffle(rows.count).map { rows[$0] }) { labels[$0] }
    return groups.keys.sorted().flatMap { groups[$0] ?? [] }
  }
}
