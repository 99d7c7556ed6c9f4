/// Strings of bytes with a number each, for finding the longest one that a text starts with.
///
/// A double array (Aoe, 1989) in its exclusive-or form: the children of a node lie within one block of 256 units, at
/// `base ^ byte`. A unit knows by which byte it is reached, and no two nodes share a base, so one look into memory tells
/// whether the child exists. Nodes near the root come first, so what is used often lies together.
struct ByteTrie: Sendable {
  private struct Unit {
    /// The base of the children in the high 23 bits, 0 without children; then a bit that says "in use"; then the byte.
    var link: UInt32 = 0
    /// The number of the string that ends here, -1 for none.
    var value: Int32 = -1
  }

  private var units: [Unit]

  /// The unit of the empty string. No base is below 256, so it is nobody's child.
  static let root = 0
  /// How many units a base may point to, and so a bound for the bytes of all strings.
  static let capacity = 1 << 22

  /// The unit behind `node` by `byte`, and the number of the string that ends there (-1 for none); nil when no string
  /// goes on like this.
  @inline(__always)
  func step(_ node: Int, _ byte: UInt8) -> (node: Int, value: Int32)? {
    units.withUnsafeBufferPointer { units in
      let child = Int(units[node].link >> 9) ^ Int(byte)
      let unit = units[child]
      return unit.link & 0x1FF == 0x100 | UInt32(byte) ? (child, unit.value) : nil
    }
  }

  /// The number of a string, nil when it is not there.
  func value(_ bytes: some Sequence<UInt8>) -> Int32? {
    var place: (node: Int, value: Int32) = (Self.root, -1)
    for byte in bytes {
      guard let next = step(place.node, byte) else { return nil }
      place = next
    }
    return place.value >= 0 ? place.value : nil
  }
}

extension ByteTrie {
  /// Collects the strings: a node's children are a linked list.
  struct Builder {
    fileprivate struct Node {
      var byte: UInt8
      var value: Int32 = -1
      var firstChild = 0
      var nextSibling = 0
    }

    fileprivate var nodes = [Node(byte: 0)]

    /// - Returns: the number that the string has already, and keeps; nil when it is new.
    mutating func insert(_ bytes: some Sequence<UInt8>, value: Int32) -> Int32? {
      var node = 0
      for byte in bytes {
        var child = nodes[node].firstChild
        while child != 0, nodes[child].byte != byte { child = nodes[child].nextSibling }
        if child == 0 {
          child = nodes.count
          nodes.append(Node(byte: byte, nextSibling: nodes[node].firstChild))
          nodes[node].firstChild = child
        }
        node = child
      }
      if nodes[node].value >= 0 { return nodes[node].value }
      nodes[node].value = value
      return nil
    }
  }

  init(_ builder: borrowing Builder) {
    let nodes = builder.nodes
    units = [Unit](repeating: Unit(), count: 256)
    var isBase = [Bool](repeating: false, count: 256)
    var free = FreeList()
    var queue = [(node: 0, unit: Self.root)]
    var next = 0
    while next < queue.count {
      let (node, unit) = queue[next]
      next += 1
      var children: [Int] = []
      var child = nodes[node].firstChild
      while child != 0 {
        children.append(child)
        child = nodes[child].nextSibling
      }
      guard let first = children.first else { continue }

      var place = free.first
      while true {
        if place == 0 {
          place = units.count
          units.append(contentsOf: repeatElement(Unit(), count: 256))
          isBase.append(contentsOf: repeatElement(false, count: 256))
          free.append(place..<units.count)
        }
        let base = place ^ Int(nodes[first].byte)
        if !isBase[base], children.allSatisfy({ units[base ^ Int(nodes[$0].byte)].link == 0 }) {
          precondition(base < 1 << 23, "more strings than the capacity")
          isBase[base] = true
          units[unit].link |= UInt32(base) << 9
          for child in children {
            let place = base ^ Int(nodes[child].byte)
            units[place] = Unit(link: 0x100 | UInt32(nodes[child].byte), value: nodes[child].value)
            free.remove(place)
            queue.append((child, place))
          }
          break
        }
        place = free.next(place)
      }
    }
  }
}

/// The free units of the last 16 blocks, in order; what older blocks still have free seldom fits. 0 is the end.
private struct FreeList {
  private var links: [(previous: Int, next: Int)] = Array(repeating: (0, 0), count: 256)

  var first: Int { links[0].next }

  func next(_ place: Int) -> Int { links[place].next }

  mutating func append(_ places: Range<Int>) {
    for place in places {
      let last = links[0].previous
      links.append((last, 0))
      links[last].next = place
      links[0].previous = place
    }
    while first < places.upperBound - 16 * 256 { remove(first) }
  }

  mutating func remove(_ place: Int) {
    // A unit that was dropped with its block: it is in no list.
    guard place == first || links[place].previous != 0 else { return }
    links[links[place].previous].next = links[place].next
    links[links[place].next].previous = links[place].previous
    links[place] = (0, 0)
  }
}
