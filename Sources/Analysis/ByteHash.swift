/// A fast 64-bit hash of bytes, the same on every machine and in every run. Swift's `Hasher` has a new seed in each
/// process.
///
/// The construction is wyhash's (Wang Yi, https://github.com/wangyi-fudan/wyhash, public domain): a step folds 16 bytes
/// by one multiplication of 64 x 64 bits. It is not wyhash bit by bit, and it does not stand against somebody who wants
/// two texts to collide. Among n different texts two have the same hash with a probability of n^2 / 2^65: for a million,
/// 1 in 37 million.
public enum ByteHash {
  private static let secrets: (UInt64, UInt64) = (0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db)

  public static func of(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let bytes = UnsafeRawBufferPointer(bytes)
    let count = bytes.count
    var state = secrets.0
    var place = 0
    while count - place > 16 {
      state = fold(word(bytes, place) ^ secrets.1, word(bytes, place + 8) ^ state)
      place += 16
    }
    // The rest, up to 16 bytes, as two words that may overlap.
    let rest = count - place
    var (first, second): (UInt64, UInt64) = (0, 0)
    if rest >= 8 {
      (first, second) = (word(bytes, place), word(bytes, count - 8))
    } else if rest >= 4 {
      (first, second) = (half(bytes, place), half(bytes, count - 4))
    } else if rest > 0 {
      first = UInt64(bytes[place]) << 16 | UInt64(bytes[place + rest / 2]) << 8 | UInt64(bytes[count - 1])
    }
    return fold(secrets.1 ^ UInt64(count), fold(first ^ secrets.1, second ^ state))
  }

  public static func of(_ text: String) -> UInt64 {
    var text = text
    return text.withUTF8 { of($0) }
  }

  /// Two words become one: both halves of their product.
  @inline(__always)
  public static func fold(_ first: UInt64, _ second: UInt64) -> UInt64 {
    let (high, low) = first.multipliedFullWidth(by: second)
    return high ^ low
  }

  /// The hash of a sequence of three hashes.
  @inline(__always)
  static func of(_ first: UInt64, _ second: UInt64, _ third: UInt64) -> UInt64 {
    fold(fold(first ^ secrets.0, second ^ secrets.1) ^ secrets.1, third ^ secrets.0)
  }

  @inline(__always)
  private static func word(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
  }

  @inline(__always)
  private static func half(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
    UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
  }
}
