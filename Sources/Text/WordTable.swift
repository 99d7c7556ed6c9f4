import Foundation

/// Numbers for words, in the order in which they came: an open-addressing hash table over one array of bytes.
///
/// Looking a word up makes no string and no copy. A slot holds half of the hash, so that a word that is not there is
/// seldom compared with one that is.
struct WordTable: Sendable {
  private var bytes: [UInt8] = []
  /// Where each word ends in `bytes`.
  private var ends: [UInt32] = []
  /// 0 is free; else half of the hash above the word's number plus 1. At least a quarter of them is free.
  private var slots: [UInt64]

  init(minimumCapacity: Int = 0) {
    var capacity = 16
    while 3 * capacity < 4 * minimumCapacity { capacity *= 2 }
    slots = Array(repeating: 0, count: capacity)
  }

  var count: Int { ends.count }

  func length(of number: Int) -> Int { Int(ends[number]) - start(of: number) }

  /// The word's bytes, within `body` only.
  @inline(__always)
  func withBytes<Result>(of number: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start(of: number)..<Int(ends[number])])) }
  }

  /// The word's number; nil when it is not there.
  @inline(__always)
  func number(of word: UnsafeBufferPointer<UInt8>) -> Int? {
    let hash = Self.hash(word)
    return slots.withUnsafeBufferPointer { slots in
      let mask = slots.count - 1
      var place = Int(truncatingIfNeeded: hash) & mask
      while slots[place] != 0 {
        let slot = slots[place]
        if slot >> 32 == hash >> 32 {
          let number = Int(truncatingIfNeeded: slot & 0xFFFF_FFFF) - 1
          if isEqual(number, word) { return number }
        }
        place = (place + 1) & mask
      }
      return nil
    }
  }

  /// - Returns: its number, new or old.
  mutating func insert(_ word: UnsafeBufferPointer<UInt8>) -> Int {
    if let number = number(of: word) { return number }
    precondition(count < Int(UInt32.max) - 1 && bytes.count + word.count <= Int(UInt32.max), "more than a table holds")
    if 4 * (count + 1) > 3 * slots.count { grow() }
    bytes.append(contentsOf: word)
    ends.append(UInt32(bytes.count))
    Self.place(Self.hash(word), count, in: &slots)
    return count - 1
  }

  private mutating func grow() {
    var larger = [UInt64](repeating: 0, count: 2 * slots.count)
    for number in 0..<count { Self.place(withBytes(of: number, Self.hash), number + 1, in: &larger) }
    slots = larger
  }

  private static func place(_ hash: UInt64, _ entry: Int, in slots: inout [UInt64]) {
    let mask = slots.count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while slots[place] != 0 { place = (place + 1) & mask }
    slots[place] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(entry)
  }

  @inline(__always)
  private func start(of number: Int) -> Int { number == 0 ? 0 : Int(ends[number - 1]) }

  @inline(__always)
  private func isEqual(_ number: Int, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
    withBytes(of: number) { known in
      guard known.count == word.count else { return false }
      guard let a = known.baseAddress, let b = word.baseAddress else { return true }
      return memcmp(a, b, word.count) == 0
    }
  }

  /// Eight bytes at a time, multiplied and folded, the last eight perhaps once more: wyhash (Wang Yi).
  @inline(__always)
  private static func hash(_ word: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let bytes = UnsafeRawBufferPointer(word)
    let count = bytes.count
    var hash = UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
    if count >= 8 {
      var place = 0
      while place + 8 < count {
        hash = fold(hash ^ bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        place += 8
      }
      return fold(hash ^ bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self))
    }
    if count >= 4 {
      let first = bytes.loadUnaligned(as: UInt32.self)
      let last = bytes.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
      return fold(hash ^ (UInt64(first) << 32 | UInt64(last)))
    }
    if count == 0 { return hash }
    let letters = UInt64(bytes[0]) << 16 | UInt64(bytes[count >> 1]) << 8 | UInt64(bytes[count - 1])
    return fold(hash ^ letters)
  }

  @inline(__always)
  private static func fold(_ value: UInt64) -> UInt64 {
    let product = (value ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
    return product.high ^ product.low
  }
}
