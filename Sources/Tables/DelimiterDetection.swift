/// Which byte separates the fields of a table: seen from its first lines.
enum DelimiterDetection {
  static let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|")]
  private static let records = 50

  /// The candidate that the header has and that cuts most of the records into as many fields as the header; among equal
  /// ones the one that gives the most fields. A comma when none is there: then the table has one column.
  ///
  /// - Parameter isAll: Whether `sample` is the whole file; otherwise its last record is cut off and not counted.
  static func delimiter(of sample: UnsafeRawBufferPointer, isAll: Bool) -> UInt8 {
    var best: (delimiter: UInt8, agreement: Double, count: Int)?
    for candidate in candidates {
      let counts = counts(of: candidate, in: sample, isAll: isAll)
      guard let header = counts.first, header > 0 else { continue }
      let agreement = Double(counts.count { $0 == header }) / Double(counts.count)
      if let best, (best.agreement, best.count) >= (agreement, header) { continue }
      best = (candidate, agreement, header)
    }
    return best?.delimiter ?? UInt8(ascii: ",")
  }

  /// How often a delimiter stands outside quotes, record by record; blank lines left out.
  private static func counts(of delimiter: UInt8, in sample: UnsafeRawBufferPointer, isAll: Bool) -> [Int] {
    enum Place { case fieldStart, field, quoted, closed }
    var counts: [Int] = []
    var count = 0
    var isBlank = true
    var place = Place.fieldStart
    for byte in sample {
      switch (byte, place) {
      // A doubled quote closes and opens again.
      case (UInt8(ascii: "\""), .fieldStart), (UInt8(ascii: "\""), .closed): (place, isBlank) = (.quoted, false)
      case (UInt8(ascii: "\""), .quoted): place = .closed
      case (_, .quoted): break
      case (UInt8(ascii: "\n"), _), (UInt8(ascii: "\r"), _):
        if !isBlank { counts.append(count) }
        if counts.count == records { return counts }
        (count, isBlank, place) = (0, true, .fieldStart)
      case (delimiter, _):
        count += 1
        (place, isBlank) = (.fieldStart, false)
      default: (place, isBlank) = (.field, false)
      }
    }
    // A record that is cut off says nothing, unless it is all there is.
    if !isBlank && (isAll || counts.isEmpty) { counts.append(count) }
    return counts
  }
}
