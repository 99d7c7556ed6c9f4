import IntrayCore
import Testing

@Suite struct TextPositionTests {
  private func firstNonText(_ bytes: [UInt8]) -> Int? { bytes.withUnsafeBytes { TextPosition.firstNonText(in: $0) } }

  @Test(
    arguments: [
      ([], nil), (Array("plain text of some length".utf8), nil), (Array("größe 漢字 😎".utf8), nil),
      (Array("12345678".utf8) + [0], 8), ([0x31, 0, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37], 1),
      ([0x80], 0), ([0xC0, 0xAF], 0), ([0xC1, 0x81], 0), ([0xC3], 0), ([0x61, 0xC3, 0x28], 1), ([0xE0, 0x80, 0x80], 0),
      ([0xED, 0xA0, 0x80], 0), ([0xEF, 0xBF], 0), ([0xF0, 0x80, 0x80, 0x80], 0), ([0xF4, 0x90, 0x80, 0x80], 0),
      ([0xF5, 0x80, 0x80, 0x80], 0), ([0xF4, 0x8F, 0xBF, 0xBF], nil), ([0xFF], 0), ([0xE1, 0x80, 0x41], 0),
    ] as [([UInt8], Int?)])
  func `the first byte that is no text is found`(bytes: [UInt8], offset: Int?) {
    #expect(firstNonText(bytes) == offset)
  }

  @Test func `random bytes are judged as the standard library does`() {
    var state: UInt64 = 1
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let pieces: [[UInt8]] =
      ["a", "bcdefghij", "é", "漢", "😎", "\u{7FF}", "\u{800}", "\u{FFFF}", "\u{10FFFF}"].map { Array($0.utf8) }
      + [[0x80], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xFF], [0]]
    for _ in 0..<20_000 {
      var bytes: [UInt8] = []
      for _ in 0..<random(8) { bytes += pieces[random(random(4) == 0 ? pieces.count : 9)] }
      let isText = String(validating: bytes, as: UTF8.self) != nil && !bytes.contains(0)
      let offset = firstNonText(bytes)
      #expect((offset == nil) == isText)
      if let offset { #expect(String(validating: bytes[..<offset], as: UTF8.self) != nil) }
    }
  }

  /// Offsets: a0 b1 CR2 LF3 x4 é5-6 CR7 y8 LF9 z10.
  @Test(arguments: [
    (0, 1, 1), (1, 1, 2), (2, 1, 3), (4, 2, 1), (5, 2, 2), (7, 2, 3), (8, 3, 1), (9, 3, 2), (10, 4, 1), (99, 4, 2),
  ])
  func `columns count characters, lines end in three ways`(offset: Int, line: Int, column: Int) {
    let place = Array("ab\r\nxé\ry\nz".utf8).withUnsafeBytes { TextPosition.lineAndColumn(of: offset, in: $0) }
    #expect((place.line, place.column) == (line, column))
  }
}
