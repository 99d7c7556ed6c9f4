import CKernels
import Foundation

/// Random numbers by counting (Philox4x32-10): the same (seed, purpose, index) gives the same numbers, whatever was drawn
/// before and on whichever thread.
public struct CounterRandom: Sendable {
  private let key: (UInt32, UInt32)
  private let purpose: UInt32
  private let index: UInt64
  private var position: UInt32 = 0
  private var block = SIMD4<UInt32>()
  /// How many words of the block are not drawn yet.
  private var left = 0

  /// - Parameters:
  ///   - purpose: what the numbers are for; see `Purpose`.
  ///   - index: which of the things of that purpose: the epoch of a shuffle, the parameter of an initialisation.
  public init(seed: UInt64, purpose: UInt32, index: UInt64 = 0) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.purpose = purpose
    self.index = index
  }

  /// What random numbers are drawn for. Dropout takes the numbers from `dropout` on, one for each place in the model.
  public enum Purpose {
    public static let initialisation: UInt32 = 1
    public static let shuffle: UInt32 = 2
    public static let folds: UInt32 = 3
    public static let augmentation: UInt32 = 4
    public static let dropout: UInt32 = 0x1000
  }

  /// Philox4x32 itself.
  public static func philox(
    rounds: Int32 = 10, counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
  ) -> SIMD4<UInt32> {
    let counter = SIMD4(counter.0, counter.1, counter.2, counter.3)
    let key = SIMD2(key.0, key.1)
    var block = SIMD4<UInt32>()
    withUnsafeBytes(of: counter) { counter in
      withUnsafeBytes(of: key) { key in
        withUnsafeMutableBytes(of: &block) { block in
          philox4x32(
            rounds, counter.assumingMemoryBound(to: UInt32.self).baseAddress,
            key.assumingMemoryBound(to: UInt32.self).baseAddress,
            block.assumingMemoryBound(to: UInt32.self).baseAddress)
        }
      }
    }
    return block
  }

  public mutating func nextWord() -> UInt32 {
    if left == 0 {
      block = Self.philox(
        counter: (position, UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), purpose),
        key: key)
      position &+= 1
      left = 4
    }
    left -= 1
    return block[3 - left]
  }

  /// In [0, 1), 53 bits.
  public mutating func nextUniform() -> Double {
    let high = UInt64(nextWord()) << 32
    return Double((high | UInt64(nextWord())) >> 11) * 0x1p-53
  }

  /// In 0..<bound, all equally likely (Lemire, "Fast random integer generation in an interval", 2019).
  public mutating func nextInt(below bound: Int) -> Int {
    precondition(bound > 0, "no number is below \(bound)")
    let range = UInt64(bound)
    while true {
      let word = UInt64(nextWord()) << 32 | UInt64(nextWord())
      let (high, low) = word.multipliedFullWidth(by: range)
      if low >= range || low >= (0 &- range) % range { return Int(high) }
    }
  }

  /// Fills with N(0, deviation^2) (Box and Muller).
  public mutating func fillNormal(_ tensor: Tensor, deviation: Double) {
    for index in stride(from: 0, to: tensor.count, by: 2) {
      let radius = (-2 * log(1 - nextUniform())).squareRoot() * deviation
      let angle = 2 * Double.pi * nextUniform()
      tensor.data[index] = Float(radius * cos(angle))
      if index + 1 < tensor.count { tensor.data[index + 1] = Float(radius * sin(angle)) }
    }
  }

  /// Fills with numbers that are equally likely between -bound and bound.
  public mutating func fillUniform(_ tensor: Tensor, bound: Double) {
    for index in 0..<tensor.count { tensor.data[index] = Float((2 * nextUniform() - 1) * bound) }
  }

  /// The numbers 0..<count in random order (Fisher and Yates).
  public mutating func shuffle(_ count: Int) -> [Int] {
    var order = Array(0..<max(count, 0))
    for last in stride(from: order.count - 1, to: 0, by: -1) { order.swapAt(last, nextInt(below: last + 1)) }
    return order
  }
}

/// Turns dropout on for one forward pass and the backward pass after it: (seed, step) decides what is dropped.
public struct DropoutKey: Sendable, Equatable {
  public let seed: UInt64
  public let step: UInt64

  public init(seed: UInt64, step: UInt64) {
    self.seed = seed
    self.step = step
  }
}
