/// Strings of bytes with a number each, for finding the longest one that a text starts with.
///
/// An edge from a node by a byte lies in an open-addressing hash table, so a step is one multiplication and, nearly
/// always, one look into memory.
struct ByteTrie: Sendable {
  private struct Edge {
    /// The node, and the byte in the low 8 bits; 0 when free (node 0 does not exist).
    var key: UInt32 = 0
    var target: UInt32 = 0
  }

  private var edges: [Edge]
  private var shift: UInt32
  private var used = 0
  /// By node: the number of the string that ends there, -1 for none.
  private(set) var values: [Int32]

  static let root: UInt32 = 1

  init() {
    edges = Array(repeating: Edge(), count: 1 << 10)
    shift = 32 - 10
    values = [-1, -1]
  }

  @inline(__always)
  private func slot(_ key: UInt32) -> Int { Int(truncatingIfNeeded: (key &* 0x9E37_79B1) >> shift) }

  /// The node behind `node` by `byte`, 0 when there is none.
  @inline(__always)
  func step(_ node: UInt32, _ byte: UInt8) -> UInt32 {
    let key = node << 8 | UInt32(byte)
    return edges.withUnsafeBufferPointer { edges in
      let mask = edges.count - 1
      var place = slot(key)
      while true {
        let edge = edges[place]
        if edge.key == key { return edge.target }
        if edge.key == 0 { return 0 }
        place = (place + 1) & mask
      }
    }
  }

  /// - Returns: the number that the string has already, and keeps; nil when it is new.
  mutating func insert(_ bytes: some Sequence<UInt8>, value: Int32) -> Int32? {
    var node = Self.root
    for byte in bytes {
      var next = step(node, byte)
      if next == 0 {
        next = UInt32(values.count)
        // 24 bits of a key are for the node. That is 16 million bytes of tokens, more than a vocabulary may have.
        precondition(next < 1 << 24, "the vocabulary is too large")
        values.append(-1)
        place(Edge(key: node << 8 | UInt32(byte), target: next))
      }
      node = next
    }
    let old = values[Int(node)]
    if old >= 0 { return old }
    values[Int(node)] = value
    return nil
  }

  private mutating func place(_ edge: Edge) {
    if used * 2 >= edges.count {
      let old = edges
      edges = Array(repeating: Edge(), count: old.count * 2)
      shift -= 1
      used = 0
      for edge in old where edge.key != 0 { place(edge) }
    }
    var slot = slot(edge.key)
    while edges[slot].key != 0 { slot = (slot + 1) & (edges.count - 1) }
    edges[slot] = edge
    used += 1
  }
}
