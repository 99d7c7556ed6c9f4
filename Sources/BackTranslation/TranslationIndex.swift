import FileKit
import IntrayCore

/// A table of translations as a file that is mapped into memory: keys, each with its targets.
///
/// (1) Opening reads the footer only, whatever the size; a look-up touches one entry of the directory and one block.
/// (2) Nothing in the file can trap. A file that is cut off is refused when it is opened; other damage is an error at
///     the look-up that meets it, never another answer: each block has a checksum of its own.
/// (3) The same table gives the same bytes.
///
/// Version 1, all numbers little-endian:
///
///     8 bytes     the magic `INTRAYTI`
///     blocks      one per bucket, one behind the other: u32 checksum, u32 number of keys in the blocks before,
///                 entries sorted by the hash of their keys and the keys:
///                 u32 bytes of the key, u32 number of targets, key, targets: u32 value, u32 bytes, text
///     directory   where each block begins, u64
///     footer      u32 version, u32 kind, u64 bits of the bucket, u64 keys, u64 targets, u64 start of the directory,
///                 u64 size of the file, u64 longest key in tokens, u64 checksum, the magic again
///
/// A key's bucket is the upper bits of its `ByteHash`. The checksum of a block is the lower half of the hash of what
/// follows it, seeded with the bucket's number; that of the footer is the hash of the footer's fields. Texts are UTF-8.
/// A target's value is the line of the table for sentences, and the logarithm of its probability (float32) for phrases.
final class TranslationIndex: Sendable {
  enum Kind: UInt32, Sendable {
    case sentencesByID = 1
    case sentencesByText = 2
    case phrases = 3
  }

  /// A key with its targets, lent as long as the index lives.
  struct Entry {
    /// Among all keys, from 0, in the order of the file.
    var number: Int
    var key: UnsafeRawBufferPointer
    var targetCount: Int
    fileprivate var targets: UnsafeRawBufferPointer
  }

  struct Target {
    var value: UInt32
    var text: UnsafeRawBufferPointer

    var string: String { String(decoding: text, as: UTF8.self) }
  }

  static let magic = Array("INTRAYTI".utf8)
  static let version: UInt32 = 1
  /// Of the fields before the checksum.
  static let footerFields = 56
  static let footerSize = footerFields + 16
  static let blockHeader = 8
  static let entryHeader = 8

  let path: String
  let kind: Kind
  let keys: Int
  let targets: Int
  let longestKey: Int
  private let bits: UInt64
  private let directory: Int
  private let file: MappedFile

  /// - Throws: `IntrayError(.data)` for a file that is no such index, of another version or kind, or cut off.
  init(_ path: String, kinds: [Kind]) throws {
    self.path = path
    file = try MappedFile(path)
    let bytes = file.bytes
    guard bytes.starts(with: Self.magic) else {
      throw IntrayError(.data, "not a compiled table of translations", at: .init(path))
    }
    let footer = bytes.count - Self.footerSize
    guard footer >= Self.magic.count, bytes.suffix(Self.magic.count).elementsEqual(Self.magic) else {
      throw IntrayError(.data, "the file is cut off", at: .init(path), hint: Self.hint)
    }
    func field(_ offset: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: footer + offset, as: UInt64.self))
    }
    let version = UInt32(truncatingIfNeeded: field(0))
    guard version == Self.version else {
      throw IntrayError(
        .data, "a table of version \(version); this program reads version \(Self.version)", at: .init(path),
        hint: Self.hint)
    }
    let fields = UnsafeRawBufferPointer(rebasing: bytes[footer..<footer + Self.footerFields])
    guard field(Self.footerFields) == ByteHash.hash(fields), field(40) == UInt64(bytes.count) else {
      throw IntrayError(
        .data, "the file is damaged: its footer is not what was written", at: .init(path), hint: Self.hint)
    }
    guard let kind = Kind(rawValue: UInt32(truncatingIfNeeded: field(0) >> 32)), kinds.contains(kind) else {
      throw IntrayError(.data, "a table of another kind", at: .init(path))
    }
    self.kind = kind
    bits = field(8)
    // What the checksum vouches for was written by this program; a forged file must not trap either.
    guard bits <= 32, let directory = Int(exactly: field(32)), let keys = Int(exactly: field(16)),
      let targets = Int(exactly: field(24)), let longestKey = Int(exactly: field(48)), longestKey <= 1 << 20,
      keys <= bytes.count, directory >= Self.magic.count, directory <= footer, footer - directory == 8 << Int(bits)
    else { throw Self.damaged(path) }
    (self.directory, self.keys, self.targets, self.longestKey) = (directory, keys, targets, longestKey)
  }

  static let hint = "compile it anew"

  static func damaged(_ path: String) -> IntrayError {
    IntrayError(.data, "the file is damaged", at: .init(path), hint: hint)
  }

  private var buckets: Int { 1 << Int(bits) }

  static func bucket(of hash: UInt64, bits: UInt64) -> Int { Int(hash >> (64 - bits)) }

  static func checksum(_ content: UnsafeRawBufferPointer, bucket: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: ByteHash.hash(content, seed: UInt64(bucket)))
  }

  /// The block of a bucket without its checksum.
  private func block(_ bucket: Int) throws -> UnsafeRawBufferPointer {
    func start(_ bucket: Int) -> UInt64 {
      UInt64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: directory + bucket * 8, as: UInt64.self))
    }
    let begin = start(bucket)
    let end = bucket + 1 < buckets ? start(bucket + 1) : UInt64(directory)
    guard begin >= UInt64(Self.magic.count), end <= UInt64(directory), begin <= end,
      end - begin >= UInt64(Self.blockHeader)
    else { throw Self.damaged(path) }
    let content = UnsafeRawBufferPointer(rebasing: file.bytes[Int(begin) + 4..<Int(end)])
    let checksum = UInt32(littleEndian: file.bytes.loadUnaligned(fromByteOffset: Int(begin), as: UInt32.self))
    guard checksum == Self.checksum(content, bucket: bucket) else { throw Self.damaged(path) }
    return content
  }

  /// Calls `body` with each entry of a bucket until it returns true.
  private func scan(_ bucket: Int, _ body: (Entry) throws -> Bool) throws {
    let block = try block(bucket)
    var cursor = Cursor(bytes: block, path: path)
    var number = Int(try cursor.number())
    while !cursor.isAtEnd {
      let keyBytes = Int(try cursor.number())
      let targetCount = Int(try cursor.number())
      // Nothing could be written for a key without a target.
      guard targetCount > 0 else { throw Self.damaged(path) }
      let key = try cursor.take(keyBytes)
      let first = cursor.offset
      for _ in 0..<targetCount {
        _ = try cursor.number()
        _ = try cursor.take(Int(try cursor.number()))
      }
      let targets = UnsafeRawBufferPointer(rebasing: block[first..<cursor.offset])
      if try body(Entry(number: number, key: key, targetCount: targetCount, targets: targets)) { return }
      number += 1
    }
  }

  /// The entry of a key; nil where the table has none.
  func find(_ key: UnsafeRawBufferPointer) throws -> Entry? {
    var found: Entry?
    try scan(Self.bucket(of: ByteHash.hash(key), bits: bits)) { entry in
      guard entry.key.count == key.count, entry.key.elementsEqual(key) else { return false }
      found = entry
      return true
    }
    return found
  }

  func find(_ key: String) throws -> Entry? {
    var key = key
    return try key.withUTF8 { try find(UnsafeRawBufferPointer($0)) }
  }

  /// The targets of an entry in their order, at most so many.
  func targets(of entry: Entry, limit: Int = .max) throws -> [Target] {
    var cursor = Cursor(bytes: entry.targets, path: path)
    return try (0..<min(limit, entry.targetCount)).map { _ in
      let value = try cursor.number()
      return Target(value: value, text: try cursor.take(Int(try cursor.number())))
    }
  }

  /// All entries in the order of the file.
  func forEach(_ body: (Entry) throws -> Void) throws {
    for bucket in 0..<buckets {
      try scan(bucket) { entry in
        try body(entry)
        return false
      }
    }
  }

  /// Reads a block; what goes beyond its end is damage.
  private struct Cursor {
    let bytes: UnsafeRawBufferPointer
    let path: String
    var offset = 0

    init(bytes: UnsafeRawBufferPointer, path: String) {
      self.bytes = bytes
      self.path = path
    }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func number() throws -> UInt32 {
      guard bytes.count - offset >= 4 else { throw TranslationIndex.damaged(path) }
      defer { offset += 4 }
      return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
      guard bytes.count - offset >= count else { throw TranslationIndex.damaged(path) }
      defer { offset += count }
      return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }
  }
}
