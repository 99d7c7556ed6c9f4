import BackTranslation
import Foundation
import IntrayCore

extension FuzzTarget {
  static func phrases(_ bytes: Data, _ folder: String) throws {
    let (source, path) = ("\(folder)/phrases.txt", "\(folder)/table.phrases")
    try bytes.write(to: URL(fileURLWithPath: source))
    let summary = try PhraseTable.compile(source, to: path)
    let table = try PhraseTable(path)
    try check(
      table.phrases == summary.phrases && table.translations == summary.translations, "a table holds what was compiled")
    // Its own lines are the texts that have most translations in it.
    let text = String(decoding: bytes.prefix(512), as: UTF8.self)
    _ = try PhraseDecoder(table, beam: 4).translate(text)
    for word in text.split(separator: " ").prefix(8) { _ = try table.translations(of: String(word)) }
  }

  static func sentences(_ bytes: Data, _ folder: String) throws {
    let path = "\(folder)/sentences.csv"
    try bytes.write(to: URL(fileURLWithPath: path))
    let indexes = "\(folder)/indexes"
    try? FileManager.default.removeItem(atPath: indexes)
    try FileManager.default.createDirectory(atPath: indexes, withIntermediateDirectories: true)
    let table = try SentenceTable(compiling: path, in: indexes)
    let text = String(decoding: bytes.suffix(64), as: UTF8.self)
    for key in ["1", "a", text] { _ = try table.backTranslate(id: key, text: key) }
    try check(SentenceTable(compiling: path, in: indexes).count == table.count, "an index is found again")
  }

  static func index(_ bytes: Data, _ folder: String) throws {
    let path = "\(folder)/index.phrases"
    try sealed(bytes).write(to: URL(fileURLWithPath: path))
    let table = try PhraseTable(path)
    for text in ["a", "house", "A house, a cat."] {
      _ = try? table.translations(of: text)
      _ = try? PhraseDecoder(table, beam: 2).translate(text)
    }
  }

  /// The file with magics, size and checksums that are right, as far as it has a place for them: without these a change of
  /// a byte never gets beyond the first check. `TranslationIndex` has the format.
  private static func sealed(_ bytes: Data) -> Data {
    let (fields, footerSize, magic) = (56, 72, Array("INTRAYTI".utf8))
    var file = [UInt8](bytes)
    guard file.count >= magic.count + footerSize else { return bytes }
    let footer = file.count - footerSize
    func number(_ offset: Int) -> UInt64 {
      file.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }
    func put(_ value: some FixedWidthInteger, _ offset: Int) {
      withUnsafeBytes(of: value.littleEndian) { file.replaceSubrange(offset..<offset + $0.count, with: $0) }
    }
    func hash(_ range: Range<Int>, seed: UInt64 = 0) -> UInt64 {
      file.withUnsafeBytes { ByteHash.hash(UnsafeRawBufferPointer(rebasing: $0[range]), seed: seed) }
    }
    file.replaceSubrange(..<magic.count, with: magic)
    file.replaceSubrange((file.count - magic.count)..., with: magic)
    put(1 as UInt32, footer)
    put(UInt64(file.count), footer + 40)
    if let directory = Int(exactly: number(footer + 32)), directory >= 0, directory <= footer {
      let starts = stride(from: directory, to: footer - 7, by: 8).map(number)
      for (bucket, start) in starts.enumerated() {
        let end = bucket + 1 < starts.count ? starts[bucket + 1] : UInt64(directory)
        guard start <= end, end <= UInt64(directory), end - start >= 4 else { continue }
        put(UInt32(truncatingIfNeeded: hash(Int(start) + 4..<Int(end), seed: UInt64(bucket))), Int(start))
      }
    }
    put(hash(footer..<footer + fields), footer + fields)
    return Data(file)
  }
}
