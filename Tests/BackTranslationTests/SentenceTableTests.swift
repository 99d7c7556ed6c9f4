import BackTranslation
import FileKit
import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct SentenceTableTests {
  let folder: TemporaryFolder
  let work: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    work = try TemporaryFolder()
  }

  private func table(_ text: String, column: String = SentenceTable.translationColumn) throws -> SentenceTable {
    try SentenceTable(compiling: folder.write(text, to: "table.csv"), in: work.path, column: column)
  }

  private func indexes() throws -> [String] { try Files.list(work.path) }

  @Test func `a translation is found by the row's id`() throws {
    let table = try table("id,note,translation\n1,x,\"in other words, one\"\n2,y,two\n1,z,\"in other words, one\"\n")
    #expect(table.key == .id)
    #expect(table.count == 2)
    #expect(try table.backTranslate(id: "1", text: "whatever") == "in other words, one")
    #expect(try table.backTranslate(id: "2", text: "1") == "two")
    #expect(try table.backTranslate(id: "3", text: "two") == nil)
    #expect(try table.backTranslate(id: "", text: "") == nil)
  }

  @Test func `a translation is found by the exact text where there is no id`() throws {
    let table = try table("translation\ttext\nÉtude en mots\tétude\nhi\t\"two\nlines\"\nsame\tsame\n")
    #expect(table.key == .text)
    #expect(try table.backTranslate(id: "1", text: "étude") == "Étude en mots")
    #expect(try table.backTranslate(id: "1", text: "two\nlines") == "hi")
    #expect(try table.backTranslate(id: "1", text: "two lines") == nil)
    // Letters that look alike are not the same bytes.
    #expect(try table.backTranslate(id: "1", text: "e\u{301}tude") == nil)
    #expect(try table.backTranslate(id: "1", text: "same") == "same", "its own translation is no circle")
  }

  @Test func `a table with a column for each text gives the one that is asked for`() throws {
    let text = "id,title,abstract\n1,a title,an abstract\n"
    #expect(try table(text, column: "title").translation(of: "1") == "a title")
    #expect(try table(text, column: "abstract").translation(of: "1") == "an abstract")
    #expect(try indexes().count == 2)
    let error = #expect(throws: IntrayError.self) { try table(text, column: "id") }
    #expect(error?.description == "table.csv:1: the column 'id' is the key and the translation")
  }

  @Test func `chains that do not close are fine`() throws {
    var random = SeededGenerator(seed: 4)
    let rows = (0..<500).map { "t\($0),t\($0 + 1)\n" }.shuffled(using: &random).joined()
    let table = try table("text,translation\n" + rows)
    #expect(try table.translation(of: "t499") == "t500")
    #expect(throws: IntrayError.self) { try self.table("text,translation\n" + rows + "t500,t250\n") }
  }

  @Test func `the index of an earlier attempt is used again, one of another file is not`() throws {
    let path = try folder.write("id,translation\n1,one\n", to: "table.csv")
    var steps = 0
    _ = try SentenceTable(compiling: path, in: work.path) { _ in steps += 1 }
    let first = try indexes()
    #expect(first.count == 1 && steps > 0)
    steps = 0
    #expect(try SentenceTable(compiling: path, in: work.path) { _ in steps += 1 }.translation(of: "1") == "one")
    #expect(steps == 0)
    try folder.write("id,translation\n1,another one\n", to: "table.csv")
    #expect(try SentenceTable(compiling: path, in: work.path).translation(of: "1") == "another one")
    #expect(try indexes().count == 2)
  }

  @Test func `an index that was damaged between two attempts is made anew, or is an error, never another answer`()
    throws
  {
    let rows = (0..<40).map { "\($0),translation number \($0)\n" }.joined()
    let path = try folder.write("id,translation\n" + rows, to: "table.csv")
    _ = try SentenceTable(compiling: path, in: work.path)
    let index = "\(work.path)/\(try #require(try indexes().first))"
    let whole = try Files.read(index)
    for offset in stride(from: 0, to: whole.count, by: 7) {
      for damage in [whole.prefix(offset), flipped(whole, offset)] {
        try Data(damage).write(to: URL(fileURLWithPath: index))
        do {
          let table = try SentenceTable(compiling: path, in: work.path)
          for number in 0..<40 { #expect(try table.translation(of: "\(number)") == "translation number \(number)") }
        } catch let error as IntrayError {
          #expect(error.code == .data)
        }
      }
    }
  }

  private func flipped(_ data: Data, _ offset: Int) -> Data {
    var data = data
    data[offset] ^= 0x41
    return data
  }

  @Test func `what is stopped or fails on the way leaves no index, and the next attempt makes it`() throws {
    let path = try folder.write("text,translation\n" + (0..<3000).map { "\($0),t\($0)\n" }.joined(), to: "table.csv")
    struct Stop: Error {}
    for step in 1...8 {
      var steps = 0
      do {
        let table = try SentenceTable(compiling: path, in: work.path) { _ in
          steps += 1
          if steps == step { throw Stop() }
        }
        #expect(try table.translation(of: "2999") == "t2999")
      } catch is Stop {
        #expect(steps == step)
      }
    }
    for number in 1...400 {
      let clean = try TemporaryFolder(isSmall: true)
      let fault = Fault(at: number, .fail(ENOSPC))
      do {
        let table = try FaultInjection.with(fault) { try SentenceTable(compiling: path, in: clean.path) }
        #expect(try table.translation(of: "17") == "t17")
        if !fault.fired { break }
      } catch let error as IntrayError {
        #expect(error.code == .system && error.isTransient)
        #expect(try SentenceTable(compiling: path, in: clean.path).translation(of: "17") == "t17")
      }
      #expect(number < 400)
    }
  }

  @Test func `random tables answer like a dictionary`() throws {
    var random = SeededGenerator(seed: 11)
    for round in 0..<30 {
      var expected: [String: String] = [:]
      for _ in 0..<Int.random(in: 1...400, using: &random) {
        let key = String(
          (0..<Int.random(in: 1...3, using: &random)).map { _ in "abcdé漢 ".randomElement(using: &random) ?? "a" })
        if key.allSatisfy(\.isWhitespace) { continue }
        expected[key] = "translation of \(key) \(Int.random(in: 0..<9, using: &random))"
      }
      if expected.isEmpty { continue }
      let key = round % 2 == 0 ? "id" : "text"
      let table = try table(
        "\(key);translation\n" + expected.map { "\"\($0.key)\";\($0.value)\n" }.joined())
      #expect(table.count == expected.count)
      for (key, value) in expected { #expect(try table.translation(of: key) == value) }
      for key in ["z", "abcdabcd", ""] { #expect(try table.translation(of: key) == nil) }
    }
  }
}
