/// Sequences of tokens behind each other, without padding: [N tokens] with the places where sequences begin.
public struct PackedBatch: Sendable {
  /// [N]
  public let ids: [Int32]
  /// [N], the token types: 0 in the first text, 1 in the second.
  public let segments: [Int32]
  /// [N], counted from 0 in each sequence.
  public let positions: [Int32]
  /// [B + 1]: sequence b has the tokens offsets[b]..<offsets[b + 1].
  public let offsets: [Int32]

  public var sequences: Int { offsets.count - 1 }
  public var tokens: Int { ids.count }
  /// The tokens of the longest sequence.
  public let longest: Int

  public init(_ encodings: [(ids: [Int32], segments: [Int32])]) {
    var ids: [Int32] = []
    var segments: [Int32] = []
    var positions: [Int32] = []
    var offsets: [Int32] = [0]
    var longest = 0
    for encoding in encodings {
      precondition(encoding.ids.count == encoding.segments.count, "each token has a segment")
      ids += encoding.ids
      segments += encoding.segments
      positions += (0..<Int32(encoding.ids.count))
      offsets.append(Int32(ids.count))
      longest = max(longest, encoding.ids.count)
    }
    self.ids = ids
    self.segments = segments
    self.positions = positions
    self.offsets = offsets
    self.longest = longest
  }

  /// The tokens of sequence `index`.
  public func range(_ index: Int) -> Range<Int> { Int(offsets[index])..<Int(offsets[index + 1]) }

  /// Cuts the batch, in order, into batches of at most so many tokens, or of one sequence.
  public func groups(tokens most: Int) -> [(first: Int, batch: PackedBatch)] {
    var groups: [(first: Int, batch: PackedBatch)] = []
    var first = 0
    while first < sequences {
      var end = first + 1
      while end < sequences, Int(offsets[end + 1] - offsets[first]) <= most { end += 1 }
      groups.append(
        (first, PackedBatch((first..<end).map { (Array(ids[range($0)]), Array(segments[range($0)])) })))
      first = end
    }
    return groups
  }
}
