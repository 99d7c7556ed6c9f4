import Foundation
import IntrayCore
import SpecFile
import TestSupport
import Testing

@Suite struct YAMLTests {
  private func parse(_ text: String) throws -> YAMLNode { try YAML.parse(Data(text.utf8), path: "test.yaml") }

  /// YAML 1.2.2, 10.3.2.
  @Test(
    arguments: [
      ("3", 3), ("-19", -19), ("+3", 3), ("007", 7), ("0o14", 12), ("0xFF", 255), ("0.5", 0.5), ("1e-4", 1e-4),
      (".5", 0.5), ("5.", 5.0), ("-1.5E+3", -1500.0), ("true", true), ("True", true), ("FALSE", false), ("null", nil),
      ("~", nil), ("", nil), ("Null", nil), ("yes", "yes"), ("on", "on"), ("1_000", "1_000"), ("12:30", "12:30"),
      (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"), ("0x", "0x"), ("0x-1", "0x-1"), (".", "."),
      ("1.2.3", "1.2.3"), ("1e", "1e"), ("'3'", "3"), ("\"true\"", "true"), ("''", ""), ("nan", "nan"),
      ("infinity", "infinity"), ("0x1p3", "0x1p3"), ("99999999999999999999", 1e20), ("2024-01-02", "2024-01-02"),
    ] as [(String, JSONValue)])
  func `scalars mean what the core schema says`(text: String, value: JSONValue) throws {
    #expect(try parse("key: \(text)\n")["key"]?.json() == value)
  }

  @Test func `places count characters, from 1`() throws {
    let node = try parse("größe: {a: 1, 'ü': [x, y]}\n")
    let inner = try #require(node["größe"])
    #expect((inner.line, inner.column) == (1, 8))
    guard case .sequence(let items)? = inner["ü"]?.value else { throw IntrayError(.bug, "not a list") }
    #expect((items[1].line, items[1].column) == (1, 24))
  }

  @Test(arguments: [
    "\u{FEFF}a: 1\r\nb: [x,\r\n  y]\r\n", "a: 1\nb:\n- x\n- y\n", "---\na: 1\nb: [x, y]\n...\n",
    "{\"a\": 1, \"b\": [\"x\", \"y\"]}",
  ])
  func `the ways to write the same give the same`(text: String) throws {
    #expect(try parse(text).json() == ["a": 1, "b": ["x", "y"]])
  }

  @Test func `an alias stands for its anchor's value`() throws {
    let node = try parse("base: &b {lr: 0.1, tags: [x]}\nother: *b\n")
    #expect(node["other"]?.json() == ["lr": 0.1, "tags": ["x"]])
  }

  @Test func `text in blocks keeps its lines`() throws {
    #expect(try parse("a: |\n  one\n  two\nb: >\n  one\n  two\n").json() == ["a": "one\ntwo\n", "b": "one two\n"])
  }

  @Test func `an empty file is nothing`() throws {
    for text in ["", "# only a comment\n", "---\n"] { #expect(try parse(text).json() == nil) }
  }

  @Test func `a file beyond the limit is refused before it is read`() {
    let error = #expect(throws: IntrayError.self) { try parse(String(repeating: "#", count: (1 << 20) + 1)) }
    #expect(error?.description == "test.yaml: larger than the limit of 1048576 bytes")
  }

  @Test func `a long text cannot be multiplied by aliases`() throws {
    let text =
      "a: &a \(String(repeating: "x", count: 100_000))\nb: [\(Array(repeating: "*a", count: 50).joined(separator: ", "))]\n"
    let error = #expect(throws: IntrayError.self) { try parse(text) }
    #expect(error?.message == "more than 4194304 bytes of text, counting what aliases repeat")
    #expect(error?.location?.line == 2)
  }

  @Test func `the worst files of the allowed size end soon`() throws {
    let count = (1 << 20) - 16
    for text in [
      String(repeating: "[", count: count), String(repeating: "{", count: count),
      String(repeating: "? ", count: count / 2),
      String(repeating: "- ", count: count / 2), String(repeating: "a: ", count: count / 3),
      String(repeating: "&a ", count: count / 3), String(repeating: "!", count: count),
      "\"" + String(repeating: "\\", count: count), String(repeating: "a\n", count: count / 2),
      String(repeating: "'a',", count: count / 4), String(repeating: "%a\n", count: count / 3),
      String((0..<100_000).map { "%TAG !\($0)! x\n" }.joined().prefix(count)),
    ] {
      let clock = ContinuousClock()
      let time = clock.measure {
        #expect(throws: IntrayError.self) { try DraftSpec(node: parse(text), path: "x", defaultName: "x") }
      }
      #expect(time < .seconds(20), "\(text.prefix(6))...")
    }
  }

  @Test func `whatever is changed in a spec, the answer is a spec or an error with its place`() throws {
    let spec = Array(
      """
      name: papers
      run: finetune
      data:
        train: {path: train.csv, sha256: \(String(repeating: "ab", count: 32)), rows: 400}
        columns: {id: paperid, text: [title, "abstract"], label: 'categories'}
      with: &w {model: all-MiniLM-L6-v2, epochs: 2, lr: 1e-4, seeds: [1, 2]}
      # end
      """.utf8)
    let pieces =
      [
        "[", "]", "{", "}", ":", ": ", "\n", "\t", "  ", "-", "- ", "&a ", "*w", "!!int ", "\"", "'", "|", ">", "#",
        "%", "@", "`", "\0", "\u{85}", "é", "?", ",", "99999999999999999999", "null", "---\n", "...",
      ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80]]
    var random = SeededGenerator(seed: 7)
    var errors = 0
    for _ in 0..<4000 {
      var bytes = spec
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let start = Int.random(in: 0...bytes.count, using: &random)
        let end = min(bytes.count, start + Int.random(in: 0...3, using: &random))
        bytes.replaceSubrange(start..<end, with: pieces.randomElement(using: &random) ?? [])
      }
      do {
        _ = try DraftSpec(node: YAML.parse(Data(bytes), path: "s"), path: "s", defaultName: "s").resolve(for: finetune)
      } catch let error as IntrayError {
        errors += 1
        #expect(error.code == .spec)
        let lines = String(decoding: bytes, as: UTF8.self).count { $0.isNewline } + 2
        #expect((1...lines).contains(error.location?.line ?? 0), "\(error)")
        #expect((error.location?.column ?? 0) >= 1)
      }
    }
    #expect(errors > 2000)
  }
}
