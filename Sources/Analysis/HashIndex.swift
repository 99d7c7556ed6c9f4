/// Numbers 64-bit keys in the order in which they come, from 0. Open addressing, at most half full.
struct HashIndex {
  private(set) var keys: [UInt64] = []
  /// The number of the key that is here, -1 for none.
  private var slots = [Int32](repeating: -1, count: 1 << 8)
  private var shift: UInt64 = 64 - 8

  var count: Int { keys.count }

  /// The key's number, if it has one.
  func find(_ key: UInt64) -> Int? {
    let slot = slot(of: key)
    return slots[slot] >= 0 ? Int(slots[slot]) : nil
  }

  /// The key's number, a new one if need be; nil where there would be more than `limit` keys.
  mutating func enter(_ key: UInt64, limit: Int = .max) -> Int? {
    let slot = slot(of: key)
    if slots[slot] >= 0 { return Int(slots[slot]) }
    guard keys.count < min(limit, Int(Int32.max) / 2) else { return nil }
    slots[slot] = Int32(keys.count)
    keys.append(key)
    if keys.count * 2 > slots.count { grow() }
    return keys.count - 1
  }

  /// Where the key is, or would be put.
  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): keys need not be spread evenly.
    var slot = Int((key &* 0x9e37_79b9_7f4a_7c15) &>> shift)
    while slots[slot] >= 0, keys[Int(slots[slot])] != key { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }

  private mutating func grow() {
    shift -= 1
    slots = [Int32](repeating: -1, count: slots.count * 2)
    for (number, key) in keys.enumerated() { slots[slot(of: key)] = Int32(number) }
  }
}
