/// How many rows have which length. All figures come from these counts, exactly.
struct LengthCounts {
  private var rowsByLength: [Int: Int] = [:]

  mutating func add(_ length: Int) { rowsByLength[length, default: 0] += 1 }

  /// Lengths in ascending order with their rows.
  var sorted: [(length: Int, rows: Int)] {
    rowsByLength.sorted { $0.key < $1.key }.map { (length: $0.key, rows: $0.value) }
  }
}

extension LengthFigures {
  static let mostBins = 40

  init(_ counts: LengthCounts) {
    let sorted = counts.sorted
    rows = sorted.reduce(0) { $0 + $1.rows }
    total = sorted.reduce(0) { $0 + $1.length * $1.rows }
    mean = rows > 0 ? Double(total) / Double(rows) : 0
    let count = rows
    /// The smallest length that so many percent of the rows do not exceed (nearest rank).
    func percentile(_ percent: Int) -> Int {
      var seen = 0
      for (length, rows) in sorted {
        seen += rows
        if seen * 100 >= percent * count { return length }
      }
      return 0
    }
    (median, p90, p95, p99) = (percentile(50), percentile(90), percentile(95), percentile(99))
    max = sorted.last?.length ?? 0
    // A few very long rows must not press all others into one bin.
    let end = max <= p99 + p99 / 2 ? max : p99
    let width = Self.roundWidth(for: end)
    var bins = [Int](repeating: 0, count: end / width + 1)
    var above = 0
    for (length, rows) in sorted {
      if length / width < bins.count { bins[length / width] += rows } else { above += rows }
    }
    histogram = Histogram(width: width, rows: rows > 0 ? bins : [], above: above)
  }

  private static func roundWidth(for end: Int) -> Int {
    var power = 1
    while true {
      for factor in [1, 2, 5] where end / (factor * power) < mostBins { return factor * power }
      power *= 10
    }
  }
}

extension TruncationFigures {
  /// What a model with this limit reads of the rows.
  init(maxLength: Int, of sorted: [(length: Int, rows: Int)]) {
    self.maxLength = maxLength
    let rows = sorted.reduce(0) { $0 + $1.rows }
    let tokens = sorted.reduce(0) { $0 + $1.length * $1.rows }
    rowsCut = sorted.reduce(0) { $0 + ($1.length > maxLength ? $1.rows : 0) }
    tokensLost = sorted.reduce(0) { $0 + Swift.max(0, $1.length - maxLength) * $1.rows }
    shareCut = rows > 0 ? Double(rowsCut) / Double(rows) : 0
    shareLost = tokens > 0 ? Double(tokensLost) / Double(tokens) : 0
  }
}
