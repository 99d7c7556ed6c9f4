import Foundation

/// Numbers along a side of a chart.
struct Axis {
  let low: Double
  let high: Double
  /// Round numbers from `low` to `high`.
  let ticks: [Double]

  /// - Parameters:
  ///   - range: what must fit.
  ///   - isWhole: no tick between whole numbers.
  ///   - grows: `high` is raised to the next tick.
  init(_ range: ClosedRange<Double>, ticks wanted: Int, isWhole: Bool = false, grows: Bool = true) {
    // A chart of numbers that are all the same still needs a width.
    let width = max(range.upperBound - range.lowerBound, isWhole ? 1 : abs(range.upperBound) * 1e-6 + 1e-9)
    let rough = width / Double(max(wanted, 1))
    let power = pow(10, floor(log10(rough)))
    let factor = [1.0, 2, 5].first { $0 * power >= rough * 0.999 } ?? 10
    let step = isWhole ? max(1, factor * power) : factor * power
    low = grows ? floor(range.lowerBound / step + 1e-9) * step : range.lowerBound
    high = grows ? ceil((range.lowerBound + width) / step - 1e-9) * step : range.lowerBound + width
    let first = ceil(low / step - 1e-9)
    let last = floor(high / step + 1e-9)
    // At most a few; the bound keeps a chart of strange numbers small.
    ticks = (0..<max(0, min(Int(last - first) + 1, 50))).map { (first + Double($0)) * step }
  }

  /// From 0 at `low` to 1 at `high`.
  func place(_ value: Double) -> Double { (value - low) / (high - low) }
}
