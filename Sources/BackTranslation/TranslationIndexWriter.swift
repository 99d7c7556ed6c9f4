import FileKit
import IntrayCore

/// Makes a `TranslationIndex` of records that come in any order.
///
/// (1) Memory does not grow with the table: records go to files by the upper bits of their hash, and one file after the
///     other is sorted and written.
/// (2) The index is at its place whole or not at all. What is being made lies in a folder of its own, which the next
///     attempt empties.
final class TranslationIndexWriter {
  /// One record of the table, lent for the time of a call.
  struct Record {
    /// From 1.
    var line: UInt32
    var value: UInt32
    var target: UnsafeRawBufferPointer
  }

  /// A part is sorted in memory: 16 bytes for each of its records.
  private static let partBytes = 16 << 20
  /// Each has an open file with a buffer.
  private static let mostParts = 128
  private static let keysPerBucket = 4
  private static let recordHeader = 24

  private let path: String
  private let folder: String
  private let partBits: UInt64
  private var parts: [FileWriter] = []
  private var records = 0

  /// - Parameters:
  ///   - path: where the index goes; beside it a folder is made for the time of the work.
  ///   - expectedBytes: about how long the table is.
  init(_ path: String, expectedBytes: Int) throws {
    self.path = path
    folder = "\(path).parts"
    var bits: UInt64 = 0
    while 1 << bits < min(Self.mostParts, expectedBytes / Self.partBytes) { bits += 1 }
    partBits = bits
    try Files.remove(folder)
    try Files.makeFolder(folder)
    parts = try (0..<(1 << Int(bits))).map { try FileWriter("\(folder)/\($0)") }
  }

  func add(key: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer, value: UInt32, line: Int) throws {
    guard let line = UInt32(exactly: line) else {
      throw IntrayError(.data, "more lines than the limit of \(UInt32.max)", at: .init(path))
    }
    let hash = ByteHash.hash(key)
    let part = parts[TranslationIndex.bucket(of: hash, bits: partBits)]
    try withUnsafeBytes(
      of: (hash.littleEndian, line, value, UInt32(key.count), UInt32(target.count))
    ) { try part.write($0) }
    try part.write(key)
    try part.write(target)
    records += 1
  }

  /// Writes the index.
  ///
  /// - Parameters:
  ///   - longestKey: in tokens.
  ///   - choose: brings the records of a key, which come in the order of their lines, to the targets of the index.
  ///   - step: called now and then; may throw.
  /// - Returns: how many keys and targets the index has.
  func finish(
    _ kind: TranslationIndex.Kind, longestKey: Int = 0,
    choose: (_ key: UnsafeRawBufferPointer, _ records: inout [Record]) throws -> Void, step: () throws -> Void
  ) throws -> (keys: Int, targets: Int) {
    var bits = partBits
    while records >> bits > Self.keysPerBucket && bits < 32 { bits += 1 }
    let output = try Output(folder: folder, bits: bits)
    for (number, part) in parts.enumerated() {
      try part.close()
      try step()
      let content = try MappedFile(part.path)
      try withExtendedLifetime(content) { try merge(content.bytes, into: output, choose: choose) }
      try Files.remove("\(folder)/\(number)")
    }
    try output.finish(kind, longestKey: longestKey)
    try Files.rename(output.path, to: path)
    try Files.syncFolder(Files.parent(of: path))
    try Files.remove(folder)
    return (output.keys, output.targets)
  }

  private struct Place {
    var hash: UInt64
    var offset: Int
  }

  private func merge(
    _ bytes: UnsafeRawBufferPointer, into output: Output,
    choose: (UnsafeRawBufferPointer, inout [Record]) throws -> Void
  ) throws {
    func number(_ offset: Int) -> UInt32 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    func key(_ place: Place) -> UnsafeRawBufferPointer {
      let start = place.offset + Self.recordHeader
      return UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(number(place.offset + 16))])
    }
    func record(_ place: Place) -> Record {
      let start = place.offset + Self.recordHeader + Int(number(place.offset + 16))
      return Record(
        line: number(place.offset + 8), value: number(place.offset + 12),
        target: UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(number(place.offset + 20))]))
    }
    var places: [Place] = []
    var offset = 0
    while offset < bytes.count {
      let hash = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      places.append(Place(hash: hash, offset: offset))
      offset += Self.recordHeader + Int(number(offset + 16)) + Int(number(offset + 20))
    }
    places.sort { one, other in
      if one.hash != other.hash { return one.hash < other.hash }
      let (oneKey, otherKey) = (key(one), key(other))
      if oneKey.elementsEqual(otherKey) { return one.offset < other.offset }
      return oneKey.lexicographicallyPrecedes(otherKey)
    }
    var first = 0
    while first < places.count {
      let group = key(places[first])
      var end = first + 1
      while end < places.count, places[end].hash == places[first].hash, key(places[end]).elementsEqual(group) {
        end += 1
      }
      var records = places[first..<end].map(record)
      try choose(group, &records)
      try output.add(hash: places[first].hash, key: group, records: records)
      first = end
    }
  }

  /// The file as it is written from its start to its end.
  private final class Output {
    let path: String
    private(set) var keys = 0
    private(set) var targets = 0
    private let bits: UInt64
    private let file: FileWriter
    private let directory: FileWriter
    private var size = TranslationIndex.magic.count
    private var bucket = 0
    private var keysBefore: UInt32 = 0
    private var block: [UInt8] = []

    init(folder: String, bits: UInt64) throws {
      self.bits = bits
      path = "\(folder)/index"
      file = try FileWriter(path)
      directory = try FileWriter("\(folder)/directory")
      try TranslationIndex.magic.withUnsafeBytes { try file.write($0) }
    }

    private func append(_ number: UInt32) { withUnsafeBytes(of: number.littleEndian) { block.append(contentsOf: $0) } }

    func add(hash: UInt64, key: UnsafeRawBufferPointer, records: [Record]) throws {
      let wanted = TranslationIndex.bucket(of: hash, bits: bits)
      while bucket < wanted { try endBlock() }
      if block.isEmpty { append(keysBefore) }
      append(UInt32(key.count))
      append(UInt32(records.count))
      block.append(contentsOf: key)
      for record in records {
        append(record.value)
        append(UInt32(record.target.count))
        block.append(contentsOf: record.target)
      }
      targets += records.count
      keys += 1
      guard keys <= Int(UInt32.max) else {
        throw IntrayError(.data, "more keys than the limit of \(UInt32.max)", at: .init(path))
      }
    }

    private func endBlock() throws {
      if block.isEmpty { append(keysBefore) }
      try withUnsafeBytes(of: UInt64(size).littleEndian) { try directory.write($0) }
      try block.withUnsafeBytes { content in
        let checksum = TranslationIndex.checksum(content, bucket: bucket)
        try withUnsafeBytes(of: checksum.littleEndian) { try file.write($0) }
        try file.write(content)
        size += 4 + content.count
      }
      block.removeAll(keepingCapacity: true)
      keysBefore = UInt32(keys)
      bucket += 1
    }

    func finish(_ kind: TranslationIndex.Kind, longestKey: Int) throws {
      while bucket < 1 << Int(bits) { try endBlock() }
      try directory.close()
      let places = try MappedFile(directory.path)
      try withExtendedLifetime(places) { try file.write(places.bytes) }
      let total = size + (8 << Int(bits)) + TranslationIndex.footerSize
      let fields: [UInt64] = [
        UInt64(TranslationIndex.version) | UInt64(kind.rawValue) << 32, bits, UInt64(keys), UInt64(targets),
        UInt64(size), UInt64(total), UInt64(longestKey),
      ].map(\.littleEndian)
      try fields.withUnsafeBytes { fields in
        try file.write(fields)
        try withUnsafeBytes(of: ByteHash.hash(fields).littleEndian) { try file.write($0) }
      }
      try TranslationIndex.magic.withUnsafeBytes { try file.write($0) }
      try file.close(sync: true)
    }
  }
}
