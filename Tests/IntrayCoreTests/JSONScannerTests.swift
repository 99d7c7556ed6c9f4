import Foundation
import IntrayCore
import Testing

@Suite struct JSONScannerTests {
  private func scan<Value>(_ text: String, _ body: (inout JSONScanner) throws -> Value) throws -> Value {
    try Data(text.utf8).withUnsafeBytes { bytes in
      var scanner = JSONScanner(bytes, path: "a.json", code: .data)
      let value = try body(&scanner)
      try scanner.end()
      return value
    }
  }

  @Test func membersComeInOrderAndNoneIsLost() throws {
    var members: [[UInt8]] = []
    try scan("{\"\u{e9}\": 1, \"e\u{301}\": 2, \"\u{e9}\": 3}") {
      try $0.object { scanner, name in
        members.append(Array(name.utf8) + [UInt8(try scanner.integer())])
      }
    }
    #expect(members == [[0xC3, 0xA9, 1], [0x65, 0xCC, 0x81, 2], [0xC3, 0xA9, 3]])
  }

  @Test(arguments: [
    (#""""#, ""), (#" "a\"\\\/\b\f\n\r\t" "#, "a\"\\/\u{8}\u{c}\n\r\t"), (#""\u00e9\uD83D\ude00""#, "é😀"),
    (#""😀""#, "😀"),
  ])
  func textsAreUnescaped(_ json: String, _ text: String) throws {
    #expect(try scan(json) { try $0.string() } == text)
  }

  @Test(arguments: [
    #"""#, #""\"#, #""\q""#, #""\u12""#, #""\u12g4""#, #""\ud83d""#, #""\ud83dA""#, #""\ud83d\u0041""#, #""\ude00""#,
    "\"\n\"", "'a'", "", "a",
  ])
  func whatIsNoTextIsRefused(_ json: String) {
    #expect(throws: IntrayError.self) { try scan(json) { try $0.string() } }
  }

  @Test(arguments: ["-1", "1.5", "01", "9223372036854775808", "1e3", "", "x", "1 2"])
  func whatIsNoWholeNumberIsRefused(_ json: String) {
    #expect(throws: IntrayError.self) { try scan(json) { try $0.integer() } }
  }

  @Test func anyValueIsSkipped() throws {
    for json in ["null", "-1.5e+10", "{}", "[]", #"{"a": [1, {"b": "]}"}, true], "c": null}"#] {
      try scan("[\(json), 7]") { scanner in
        var isFirst = true
        let values = try scanner.array { scanner -> Int in
          defer { isFirst = false }
          if isFirst { try scanner.skip() }
          return isFirst ? 0 : try scanner.integer()
        }
        #expect(values == [0, 7])
      }
    }
  }

  @Test func deepNestingIsRefused() {
    let deep = String(repeating: "[", count: 1_000_000)
    #expect(throws: IntrayError.self) { try scan(deep) { try $0.skip() } }
    let objects = String(repeating: "{\"a\":", count: 1_000_000)
    #expect(throws: IntrayError.self) { try scan(objects) { try $0.skip() } }
  }

  @Test func longArraysCanBeRefused() {
    #expect(throws: IntrayError.self) { try scan("[1, 2, 3]") { try $0.array(atMost: 2) { try $0.integer() } } }
  }

  @Test func everyTruncationIsRefused() {
    let whole = #"{"a": [1, {"b": "x\u00e9\ud83d\ude00"}, true], "c": "d"}"#
    for count in 0..<whole.utf8.count {
      let part = String(decoding: Array(whole.utf8.prefix(count)), as: UTF8.self)
      #expect(throws: IntrayError.self, "\(part)") { try scan(part) { try $0.skip() } }
    }
  }
}
