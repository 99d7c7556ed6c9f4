/// The learning rate's factor: up in a straight line over the warm-up, then down to 0 at the end.
public struct LinearSchedule: Sendable, Equatable {
  /// At least 1.
  public let warmup: Int
  /// Optimiser steps, not micro-batches. At least 1.
  public let total: Int

  public init(warmup: Int, total: Int) {
    self.warmup = max(1, warmup)
    self.total = max(1, total)
  }

  /// - Parameter share: of the steps that are warm-up, such as 0.06.
  public init(warmupShare share: Double, total: Int) {
    self.init(warmup: Int(min(max(share, 0), 1) * Double(max(1, total))), total: total)
  }

  /// For the optimiser step `step`, counted from 0. In [0, 1].
  public func factor(_ step: Int) -> Double {
    let rising = Double(step + 1) / Double(warmup)
    let falling = Double(total - step) / Double(max(1, total - warmup))
    return min(rising, max(0, falling))
  }
}
