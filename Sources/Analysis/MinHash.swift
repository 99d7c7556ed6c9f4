/// Signatures by which two texts can be compared without the texts: the share of equal places estimates the Jaccard
/// similarity of their sets of shingles (Broder, "On the resemblance and containment of documents", 1997). A shingle is
/// three words that follow each other; a text of fewer words is one shingle.
///
/// The estimate's standard deviation is at most 0.044; at a similarity of 0.8 it is 0.035.
enum MinHash {
  /// Places of a signature. Each is the lower half of a minimum: two different minima look alike once in 65,536.
  static let size = 128

  /// The permutations: x * multiplier + offset.
  private static let multipliers = (0..<size).map { UInt32(truncatingIfNeeded: constant(2 * $0) >> 32) | 1 }
  private static let offsets = (0..<size).map { UInt32(truncatingIfNeeded: constant(2 * $0 + 1) >> 32) }

  private static func constant(_ index: Int) -> UInt64 {
    ByteHash.fold(UInt64(index) &+ 0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93)
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
