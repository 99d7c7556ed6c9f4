/// The words of a text, as cleaning and augmentation count them; `docs/decisions/026-what-is-a-word.md` says what one is.
public enum Words {
  /// Where the words stand in UTF-8, ascending.
  public static func ranges(in text: [UInt8]) -> [Range<Int>] {
    text.withUnsafeBufferPointer { buffer in
      let characters = Characters(buffer)
      var ranges: [Range<Int>] = []
      ranges.reserveCapacity(buffer.count / 6)
      var place = 0
      while place < buffer.count {
        let (kind, length) = characters.kind(at: place)
        let end = kind.isInWord ? characters.wordEnd(from: place) : place + length
        if kind.isInWord { ranges.append(place..<end) }
        place = end
      }
      return ranges
    }
  }
}
