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

  /// `count` folds: each row is in the validation part of exactly one, and each label is spread as evenly as it goes.
  public static func folds(_ count: Int, labels: [Int32], seed: UInt64) -> [Partition] {
    var fold = [Int](repeating: 0, count: labels.count)
    // Dealing the rows out label by label, without starting anew at each label, keeps both the labels and the sizes even.
    for (place, row) in shuffledByLabel(labels, seed: seed).enumerated() { fold[row] = place % count }
    return (0..<count).map { number in
      Partition(
        training: labels.indices.filter { fold[$0] != number }, validation: labels.indices.filter { fold[$0] == number }
      )
    }
  }

  /// A share of each label set aside for validation, at least one row and never all rows in total.
  public static func share(_ share: Double, labels: [Int32], seed: UInt64) -> Partition {
    let rows = shuffledByLabel(labels, seed: seed)
    let wanted = min(labels.count - 1, max(1, Int((share * Double(labels.count)).rounded())))
    // Evenly spaced in the order of labels: a stratified sample of exactly the wanted size.
    let chosen = Set((0..<wanted).map { rows[$0 * rows.count / wanted] })
    return Partition(
      training: labels.indices.filter { !chosen.contains($0) },
      validation: labels.indices.filter { chosen.contains($0) })
  }

  /// All rows, grouped by label, shuffled within each label.
  private static func shuffledByLabel(_ labels: [Int32], seed: UInt64) -> [Int] {
    var random = CounterRandom(seed: seed, purpose: CounterRandom.Purpose.folds)
    let groups = Dictionary(grouping: random.shuffle(labels.count)) { labels[$0] }
    return groups.keys.sorted().flatMap { groups[$0] ?? [] }
  }
}
