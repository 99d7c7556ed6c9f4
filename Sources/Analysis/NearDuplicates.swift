import Tensors

/// Finds texts that are nearly the same, by their signatures.
///
/// Signatures are cut into bands; texts with an equal band are candidates (locality-sensitive hashing: Leskovec,
/// Rajaraman and Ullman, Mining of Massive Datasets, 3.4), and all places of their signatures are compared.
///
/// (1) Each pair is found once. The order of the texts does not matter, nor do the threads, as long as `isComplete`.
/// (2) Bounded: of many texts with the same band each is compared with some of the others only.
struct NearDuplicates {
  struct Pair: Equatable {
    /// The texts' numbers; `first` is the smaller one.
    var first: Int
    var second: Int
    /// The estimate.
    var similarity: Double
  }

  enum Limits {
    /// How many earlier texts with the same band a text is compared with.
    static let comparisons = 100
    static let pairs = 1_000_000
  }

  /// Sorted.
  private(set) var pairs: [Pair] = []
  /// Whether no limit was reached.
  private(set) var isComplete = true

  /// - Parameters:
  ///   - signatures: of all texts behind each other.
  ///   - threshold: the least similarity, in 0.3...1.
  ///   - goesOn: called now and then with the share of the work that is done; false ends it.
  /// - Returns: nil where `goesOn` said so.
  init?(
    signatures: [UInt16], threshold: Double, pool: ThreadPool, goesOn: (_ share: Double) -> Bool
  ) {
    let rows = Self.rowsPerBand(threshold: threshold)
    let bands = MinHash.size / rows
    let search = Search(
      signatures: signatures, rows: rows, least: Int((threshold * Double(MinHash.size)).rounded(.up)))
    let atOnce = 8
    for start in stride(from: 0, to: bands, by: atOnce) {
      let here = min(atOnce, bands - start)
      var found = [Search.Found](repeating: Search.Found(), count: here)
      found.withUnsafeMutableBufferPointer { buffer in
        // Each slot is written by one chunk.
        nonisolated(unsafe) let slots = buffer
        pool.run(.tokenising, chunks: here) { slots[$0] = search.pairs(inBand: start + $0) }
      }
      for one in found {
        isComplete = isComplete && one.isComplete
        pairs += one.pairs
      }
      if pairs.count > Limits.pairs {
        isComplete = false
        pairs.removeLast(pairs.count - Limits.pairs)
      }
      guard goesOn(Double(start + here) / Double(bands)) else { return nil }
    }
    pairs.sort { ($0.first, $0.second) < ($1.first, $1.second) }
  }

  /// The longest bands that still find 99 of 100 pairs of just this similarity.
  static func rowsPerBand(threshold: Double) -> Int {
    [16, 8, 4, 2].first { rows in
      let equal = (0..<rows).reduce(1.0) { product, _ in product * threshold }
      let missed = (0..<MinHash.size / rows).reduce(1.0) { product, _ in product * (1 - equal) }
      return missed <= 0.01
    } ?? 1
  }

  private struct Search: Sendable {
    struct Found {
      var pairs: [Pair] = []
      var isComplete = true
    }

    let signatures: [UInt16]
    let rows: Int
    /// Equal places of a pair.
    let least: Int

    func pairs(inBand band: Int) -> Found {
      signatures.withUnsafeBufferPointer { signatures in
        let count = signatures.count / MinHash.size
        var entries: [(key: UInt64, text: Int)] = []
        entries.reserveCapacity(count)
        for text in 0..<count {
          var key: UInt64 = 0
          for place in band * rows..<(band + 1) * rows {
            key = ByteHash.fold(key ^ UInt64(signatures[text * MinHash.size + place]), 0x9e37_79b9_7f4a_7c15)
          }
          entries.append((key, text))
        }
        entries.sort { ($0.key, $0.text) < ($1.key, $1.text) }
        var found = Found()
        var start = 0
        for place in entries.indices {
          if entries[place].key != entries[start].key { start = place }
          if place - start > Limits.comparisons { found.isComplete = false }
          for other in max(start, place - Limits.comparisons)..<place {
            let (first, second) = (entries[other].text, entries[place].text)
            guard !share(signatures, first, second, bandBefore: band) else { continue }
            let equal = equalPlaces(signatures, first, second)
            guard equal >= least else { continue }
            guard found.pairs.count < Limits.pairs else {
              found.isComplete = false
              return found
            }
            found.pairs.append(
              Pair(first: first, second: second, similarity: Double(equal) / Double(MinHash.size)))
          }
        }
        return found
      }
    }

    /// Whether the pair was found in an earlier band.
    private func share(
      _ signatures: UnsafeBufferPointer<UInt16>, _ first: Int, _ second: Int, bandBefore band: Int
    ) -> Bool {
      let (one, other) = (first * MinHash.size, second * MinHash.size)
      return (0..<band).contains { band in
        (band * rows..<(band + 1) * rows).allSatisfy { signatures[one + $0] == signatures[other + $0] }
      }
    }

    private func equalPlaces(_ signatures: UnsafeBufferPointer<UInt16>, _ first: Int, _ second: Int) -> Int {
      let (one, other) = (first * MinHash.size, second * MinHash.size)
      var equal = 0
      for place in 0..<MinHash.size where signatures[one + place] == signatures[other + place] { equal += 1 }
      return equal
    }
  }
}

/// Which things belong together, when pairs do: a forest of trees with their smallest member as the root.
struct UnionFind {
  private var parents: [Int: Int] = [:]

  private mutating func root(_ one: Int) -> Int {
    var root = one
    while let parent = parents[root], parent != root { root = parent }
    var place = one
    while let parent = parents[place], parent != root {
      parents[place] = root
      place = parent
    }
    return root
  }

  mutating func join(_ one: Int, _ other: Int) {
    let (first, second) = (root(one), root(other))
    parents[max(first, second)] = min(first, second)
    parents[min(first, second)] = min(first, second)
  }

  /// How many things belong to some other, and how many groups they form.
  mutating func counts() -> (members: Int, groups: Int) {
    (parents.count, parents.count { $0.key == $0.value })
  }
}
