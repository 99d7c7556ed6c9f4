import Tensors

/// Signatures by which two texts can be compared without the texts: the share of equal places estimates the Jaccard
/// similarity of their sets of shingles (Broder, "On the resemblance and containment of documents", 1997). A shingle is
/// three words that follow each other; a text of fewer words is one shingle.
///
/// The estimate's standard deviation is at most 0.044; at a similarity of 0.8 it is 0.035.
enum MinHash {
  /// Places of a signature. Each is the lower half of a minimum: two different minima look alike once in 65,536.
  static let size = 128

  /// The permutations: x * multiplier + offset. They must have nothing to do with each other, or the estimate is wrong
  /// for all places at once.
  private static let multipliers = drawn(1).map { $0 | 1 }
  private static let offsets = drawn(2)

  private static func drawn(_ index: UInt64) -> [UInt32] {
    var random = CounterRandom(seed: 0x4d69_6e48_6173_68, purpose: CounterRandom.Purpose.initialisation, index: index)
    return (0..<size).map { _ in random.nextWord() }
  }

  /// Appends the signature of a text.
  /// - Parameter words: the hashes of its words, at least one.
  static func append(_ words: [UInt64], to signatures: inout [UInt16]) {
    let shingles =
      words.count < 3
      ? [shingle(words[0], words.count > 1 ? words[1] : 0, 0)]
      : (0..<words.count - 2).map { shingle(words[$0], words[$0 + 1], words[$0 + 2]) }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: size) { minima in
      minima.initialize(repeating: .max)
      multipliers.withUnsafeBufferPointer { multipliers in
        offsets.withUnsafeBufferPointer { offsets in
          for shingle in shingles {
            for place in 0..<size {
              minima[place] = min(minima[place], shingle &* multipliers[place] &+ offsets[place])
            }
          }
        }
      }
      // Minima are small numbers: their upper half says little.
      for minimum in minima { signatures.append(UInt16(truncatingIfNeeded: (minimum &* 0x9e37_79b1) >> 16)) }
    }
  }

  private static func shingle(_ first: UInt64, _ second: UInt64, _ third: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: ByteHash.of(first, second, third) >> 32)
  }
}
