import BackTranslation
import Foundation
import IntrayCore
import TestSupport
import Testing

/// Each folder of `Fixtures/backtranslation` holds a table with one fault, and the message that refuses it.
@Suite struct BadTableTests {
  static let folder = Checkout.fixture("backtranslation")
  static func cases(_ file: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted()
      .filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/\(file)") } ?? []
  }

  private func expected(_ name: String) throws -> String {
    try String(contentsOfFile: "\(Self.folder)/\(name)/expected.txt", encoding: .utf8)
      .trimmingCharacters(in: .newlines)
  }

  @Test func `there are fixtures`() {
    #expect(Self.cases("table.csv").count >= 12)
    #expect(Self.cases("phrases.txt").count >= 20)
  }

  @Test(arguments: cases("table.csv"))
  func `a bad table of sentences is refused with file and line`(name: String) throws {
    let work = try TemporaryFolder()
    for _ in 0..<2 {
      // The second attempt must not find an index that the first one has left.
      let error = #expect(throws: IntrayError.self) {
        try SentenceTable(compiling: "\(Self.folder)/\(name)/table.csv", in: work.path)
      }
      #expect(error?.description == (try expected(name)))
      #expect(error?.code == .data)
    }
  }

  @Test(arguments: cases("phrases.txt"))
  func `a bad phrase table is refused with file and line`(name: String) throws {
    let work = try TemporaryFolder()
    let error = #expect(throws: IntrayError.self) {
      try PhraseTable.compile("\(Self.folder)/\(name)/phrases.txt", to: "\(work.path)/t.phrases")
    }
    #expect(error?.description == (try expected(name)))
    #expect(error?.code == .data)
    #expect(!FileManager.default.fileExists(atPath: "\(work.path)/t.phrases"))
  }

  @Test func `a line of 48 MB is refused where it stands`() throws {
    let work = try TemporaryFolder()
    let long = Data(repeating: UInt8(ascii: "x"), count: 48 << 20)
    let table = try work.write(Data("id,translation\n1,a\n2,".utf8) + long, to: "table.csv")
    let sentences = #expect(throws: IntrayError.self) { try SentenceTable(compiling: table, in: work.path) }
    #expect(
      sentences?.description
        == "table.csv:3: a field of this row is longer than the limit of 1048576 bytes; is a quote not closed?")
    for phrases in [Data("a\tb\nc\t".utf8) + long, Data("a\tb\nc\t".utf8) + long + Data("\nd\te\n".utf8)] {
      let path = try work.write(phrases, to: "phrases.txt")
      let error = #expect(throws: IntrayError.self) { try PhraseTable.compile(path, to: "\(work.path)/t.phrases") }
      #expect(error?.description == "phrases.txt:2: the line is longer than the limit of 65536 bytes")
    }
  }
}
