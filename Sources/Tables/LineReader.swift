import FileKit
import Foundation
import IntrayCore

/// A file as pieces that never reach over a line end, with the place of each and of the bytes that are no text.
///
/// (1) Memory is one buffer, however long a line is: a line that does not fit comes in several pieces.
/// (2) A line ends with LF, CRLF or CR. A piece never ends between CR and LF, nor inside a character.
public final class LineReader {
  public struct Piece {
    public var bytes: UnsafeRawBufferPointer
    /// From 1.
    public var line: Int
    /// The column of the first byte, from 1: more than 1 in the later pieces of a long line.
    public var column: Int
    /// Whether the line ends with this piece.
    public var endsLine: Bool
    /// The offset of the first byte that is NUL or not UTF-8.
    public var badOffset: Int?

    /// How many bytes the line end takes.
    public var terminatorLength: Int {
      switch (bytes.last, bytes.dropLast().last) {
      case (UInt8(ascii: "\n"), UInt8(ascii: "\r")): 2
      case (UInt8(ascii: "\n"), _), (UInt8(ascii: "\r"), _): 1
      default: 0
      }
    }

    public func column(at offset: Int) -> Int {
      TextPosition.lineAndColumn(of: offset, in: bytes).column + column - 1
    }
  }

  private let file: FileReader
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
  /// The bytes that are read and not handed out are `start..<end`.
  private var start = 0
  private var end = 0
  private var isAtEnd = false
  /// Up to here the bytes are text, but for the one at `bad`.
  private var checked = 0
  private var bad: Int?
  /// The first LF from `start` on, `end` when there is none; nil when nobody has looked.
  private var lineFeed: Int?
  private var line = 1
  private var column = 1

  public init(_ file: FileReader) throws {
    self.file = file
    try refill()
  }

  deinit { buffer.deallocate() }

  /// The beginning of the file, as far as nothing was taken yet.
  var sample: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[start..<min(end, start + (1 << 16))]) }

  /// Whether `sample` is the whole file.
  var sampleIsAll: Bool { isAtEnd && end - start <= 1 << 16 }

  /// Takes these bytes from the beginning, if they are there.
  public func skip(prefix: [UInt8]) -> Bool {
    guard UnsafeRawBufferPointer(rebasing: buffer[start..<end]).starts(with: prefix) else { return false }
    start += prefix.count
    return true
  }

  /// The next piece, valid until the next call; nil at the end.
  public func next() throws -> Piece? {
    while true {
      if let length = lineLength() { return take(length, endsLine: true) }
      if isAtEnd { return start < end ? take(end - start, endsLine: false) : nil }
      if start == 0 && end == buffer.count {
        let last = buffer[end - 1]
        return take(checked - (last == UInt8(ascii: "\r") ? 1 : 0), endsLine: false)
      }
      try refill()
    }
  }

  private func take(_ length: Int, endsLine: Bool) -> Piece {
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[start..<(start + length)])
    var piece = Piece(bytes: bytes, line: line, column: column, endsLine: endsLine)
    if let bad, bad < start + length {
      piece.badOffset = bad - start
      // The rest of the piece needs no look: one fault is told per record.
      checkText(from: start + length)
    }
    if endsLine {
      line += 1
      column = 1
    } else {
      column = piece.column(at: length)
    }
    start += length
    return piece
  }

  /// The length of the line at `start` with its end; nil while that is not in the buffer.
  private func lineLength() -> Int? {
    guard start < end, let base = buffer.baseAddress else { return nil }
    if lineFeed.map({ $0 < start }) ?? true {
      lineFeed = memchr(base + start, Int32(UInt8(ascii: "\n")), end - start).map { base.distance(to: $0) } ?? end
    }
    let limit = lineFeed ?? end
    // A CR before the LF ends the line, unless it is the one of CRLF.
    guard let cr = memchr(base + start, Int32(UInt8(ascii: "\r")), limit - start).map({ base.distance(to: $0) }) else {
      return limit < end ? limit + 1 - start : nil
    }
    if limit < end && cr == limit - 1 { return limit + 1 - start }
    // The LF may be the first byte that is not read yet.
    return cr == end - 1 && !isAtEnd ? nil : cr + 1 - start
  }

  private func refill() throws {
    let rest = end - start
    if start > 0, let base = buffer.baseAddress { memmove(base, base + start, rest) }
    checked -= start
    bad = bad.map { $0 - start }
    (start, end, lineFeed) = (0, rest, nil)
    let room = UnsafeMutableRawBufferPointer(rebasing: buffer[end...])
    let count = try file.read(into: room)
    end += count
    isAtEnd = count < room.count
    if bad == nil { checkText(from: checked) } else { checked = end - incompleteTail() }
  }

  private func checkText(from offset: Int) {
    checked = max(offset, end - incompleteTail())
    bad = TextPosition.firstNonText(in: UnsafeRawBufferPointer(rebasing: buffer[offset..<checked])).map { $0 + offset }
  }

  /// The bytes at the end that begin a character whose rest is not read yet.
  private func incompleteTail() -> Int {
    if isAtEnd { return 0 }
    for count in 1...3 where count <= end {
      let byte = buffer[end - count]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return length > count ? count : 0
    }
    return 0
  }
}
