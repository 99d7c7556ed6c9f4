import FileKit
import Foundation
import IntrayCore
import Tables
import TestSupport
import Testing

@Suite struct TableReaderTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// Header and rows, each with its line.
  private func read(_ data: Data, limits: TableLimits = .standard) throws -> (
    header: [String], rows: [[String]], lines: [Int]
  ) {
    let table = try TableReader(folder.write(data, to: "table.csv"), limits: limits)
    var (rows, lines): ([[String]], [Int]) = ([], [])
    while let row = try table.next() {
      rows.append(row.fields)
      lines.append(row.line)
    }
    #expect(try table.next() == nil, "the end stays the end")
    return (table.header, rows, lines)
  }

  private func read(_ text: String) throws -> (header: [String], rows: [[String]], lines: [Int]) {
    try read(Data(text.utf8))
  }

  @Test(arguments: ["\n", "\r\n", "\r"]) func `lines end in three ways, with and without a last one`(end: String) throws
  {
    for last in ["", end, end + end] {
      let table = try read("a,b\(end)1,2\(end)\"x\(end)y\",4\(end)5,6\(last)")
      #expect(table.header == ["a", "b"])
      #expect(table.rows == [["1", "2"], ["x\(end)y", "4"], ["5", "6"]])
      #expect(table.lines == [2, 3, 5])
    }
  }

  @Test(arguments: [",", ";", "\t", "|"]) func `the delimiter is found from the first lines`(delimiter: String) throws {
    let others = [",", ";", "\t", "|"].filter { $0 != delimiter }.joined()
    let text =
      ["id", "text", "label"].joined(separator: delimiter) + "\n"
      + ["1", "\"quoted \(delimiter)\(delimiter)\(delimiter)\(delimiter)\nline\"", "x"].joined(separator: delimiter)
      + "\n"
      + ["2", "plain \(others)\(others)", "y"].joined(separator: delimiter) + "\n"
    let path = try folder.write(text, to: "t")
    #expect(try TableReader(path).delimiter == delimiter.utf8.first)
    let table = try read(text)
    #expect(table.header == ["id", "text", "label"])
    #expect(table.rows.map { $0[0] } == ["1", "2"])
    #expect(table.lines == [2, 4])
  }

  @Test func `quotes, spaces and byte order mark are read as RFC 4180 says`() throws {
    let table = try read("\u{FEFF}a, b \r\n\"say \"\"hi\"\"\",  x \n\"\",\"\"\"\"\n")
    #expect(table.header == ["a", " b "])
    #expect(table.rows == [["say \"hi\"", "  x "], ["", "\""]])
  }

  @Test func `blank lines are empty fields of one column, and nothing elsewhere`() throws {
    #expect(try read("a\n\nx\n\n").rows == [[""], ["x"], [""]])
    let table = try read("a,b\n\n1,2\n\n\n3,4\n\n")
    #expect(table.rows == [["1", "2"], ["3", "4"]])
    #expect(table.lines == [3, 6])
  }

  @Test func `a header alone is a table without rows`() throws {
    #expect(try read("a,b").rows.isEmpty)
    #expect(try read("a,b\n").header == ["a", "b"])
  }

  @Test func `a column is found by its name, or the error says which there are`() throws {
    let table = try TableReader(folder.write("paperid,title,abstrct\n", to: "train.csv"))
    #expect(try table.column("title") == 1)
    let near = #expect(throws: IntrayError.self) { try table.column("abstract") }
    #expect(
      near?.description
        == "train.csv:1: no column 'abstract'; the header has paperid, title, abstrct; did you mean 'abstrct'?")
    let far = #expect(throws: IntrayError.self) { try table.column("x") }
    #expect(far?.description == "train.csv:1: no column 'x'; the header has paperid, title, abstrct")
    let wide = try TableReader(
      folder.write((1...30).map { "c\($0)" }.joined(separator: ","), to: "w.csv"), name: "shown")
    let many = #expect(throws: IntrayError.self) { try wide.column("nothing like it") }
    #expect(many?.description.hasSuffix("c19, c20 and 10 more") == true)
    #expect(many?.location?.path == "shown")
  }

  @Test func `a row keeps its fields after the next one is read`() throws {
    let table = try TableReader(folder.write("a,b\n1,one\n2,two\n", to: "t.csv"))
    let first = try #require(try table.next())
    let second = try #require(try table.next())
    #expect(first.fields == ["1", "one"])
    #expect(second.fields == ["2", "two"])
    #expect(first.withBytes(1) { Array($0) } == Array("one".utf8))
    #expect(first.count == 2)
  }

  @Test func `a field of 10 MB is refused in bounded memory, and the table goes on`() throws {
    let large = Data(repeating: UInt8(ascii: "x"), count: 10 << 20)
    for (before, after) in [("", ""), ("\"", "\"")] {
      let table = try TableReader(
        folder.write(Data("id,text\n1,\(before)".utf8) + large + Data("\(after)\n2,b\n".utf8), to: "t.csv"))
      let error = #expect(throws: IntrayError.self) { try table.next() }
      #expect(
        error?.description
          == "t.csv:2: a field of this row is longer than the limit of 1048576 bytes; is a quote not closed?")
      #expect(try table.next()?.fields == ["2", "b"])
      #expect(try table.next() == nil)
    }
  }

  @Test func `limits are held to the byte`() throws {
    let limits = TableLimits(maxFieldBytes: 5, maxRowBytes: 8, maxColumns: 3)
    #expect(try read(Data("a,b,c\n12345,1,2\n\"1\"\"345\",,\n".utf8), limits: limits).rows.count == 2)
    for (text, message) in [
      (
        "a,b\n123456,1\n",
        "table.csv:2: a field of this row is longer than the limit of 5 bytes; is a quote not closed?"
      ),
      ("a,b\n12345,1234\n", "table.csv:2: the row is longer than the limit of 8 bytes"),
      ("a,b,c,d\n", "table.csv:1: more fields than the limit of 3"),
      (
        "a,b\n1,\"2\n3\n4\n5",
        "table.csv:2: a field of this row is longer than the limit of 5 bytes; is a quote not closed?"
      ),
    ] {
      let error = #expect(throws: IntrayError.self) { try read(Data(text.utf8), limits: limits) }
      #expect(error?.description == message)
    }
  }

  @Test func `texts of any size and place come through the buffer whole`() throws {
    // Around the buffer's 256 KiB, everything that is more than one byte long crosses its end once.
    for end in ["\n", "\r\n", "\r"] {
      for shift in 0..<12 {
        let filler = String(repeating: "f", count: (1 << 18) - 20 + shift)
        let rows = [
          [filler, "é漢😎\"\(end)x"], ["größe", "\(end)\(end)"], [String(repeating: "漢", count: 90_000), "z"],
        ]
        var text = "a,b\(end)"
        for row in rows {
          text += row.map { "\"\($0.replacingOccurrences(of: "\"", with: "\"\""))\"" }.joined(separator: ",") + end
        }
        let table = try read(text)
        #expect(table.rows == rows)
        #expect(table.lines == [2, 4, 7])
      }
    }
  }

  @Test func `what is no text is found with its column, wherever it lies`() throws {
    for size in [
      0, 1, 7, 8, 9, 1000, (1 << 18) - 11, (1 << 18) - 10, (1 << 18) - 9, (1 << 18) - 8, (1 << 18) - 7, 300_000,
    ] {
      for (bad, message) in [
        ([0x00], "a NUL byte: this is no text"), ([0xE9], "not UTF-8"), ([0xF0, 0x9F, 0x98], "not UTF-8"),
      ] as [([UInt8], String)] {
        let text =
          Data("é,b\n1,2\n\"x\ny\",漢".utf8) + Data(repeating: UInt8(ascii: "x"), count: size) + Data(bad)
          + Data("\n5,6\n".utf8)
        let table = try TableReader(folder.write(text, to: "t.csv"))
        #expect(try table.next() != nil)
        let error = #expect(throws: IntrayError.self) { try table.next() }
        #expect(error?.message == message)
        #expect(error?.location == .init("t.csv", line: 4, column: 5 + size))
        #expect(try table.next()?.fields == ["5", "6"])
      }
    }
  }

  @Test func `a read that fails is a transient error and stays one`() throws {
    let text = "a,b\n" + String(repeating: "1,2\n", count: 200_000)
    let path = try folder.write(text, to: "t.csv")
    for number in 1...20 {
      let fault = Fault(.read, at: number, .fail(EIO))
      var rows = 0
      do {
        try FaultInjection.with(fault) {
          let table = try TableReader(path)
          do {
            while try table.next() != nil { rows += 1 }
          } catch {
            #expect(throws: IntrayError.self) { try table.next() }
            throw error
          }
        }
        #expect(!fault.fired && number > 3)
        #expect(rows == 200_000)
        break
      } catch let error as IntrayError {
        #expect(error.code == .system && error.isTransient)
        #expect(rows < 200_000)
      }
    }
  }

  @Test func `a missing file and a folder are errors`() throws {
    let missing = #expect(throws: IntrayError.self) { try TableReader("\(folder.path)/none.csv") }
    #expect(missing?.code == .missing)
    #expect(throws: IntrayError.self) { try TableReader(folder.path) }
  }

  @Test func `what a writer writes, a reader reads`() throws {
    var random = SeededGenerator(seed: 3)
    let pieces = [
      "a", "", " ", ",", ";", "\t", "|", "\"", "\"\"", "\n", "\r\n", "\r", "é", "漢", "😎", "word word", "'", "\\", "#",
      "\u{FEFF}", "=1+1",
    ]
    for round in 0..<300 {
      let columns = Int.random(in: 1...5, using: &random)
      let header = (0..<columns).map { "column \($0)" }
      let delimiter = Array(",;\t|".utf8)[round % 4]
      let path = "\(folder.path)/t.csv"
      let writer = try TableWriter(path, header: header, delimiter: delimiter)
      var rows: [[String]] = []
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        let row = (0..<columns).map { _ in
          (0..<Int.random(in: 0...5, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
        }
        rows.append(row)
        try writer.write(row)
      }
      #expect(writer.rows == rows.count)
      try writer.close()
      let table = try TableReader(path)
      #expect(table.header == header)
      var back: [[String]] = []
      while let row = try table.next() { back.append(row.fields) }
      // Strings are equal when they look alike: bytes are what counts.
      #expect(back.map { $0.map { Array($0.utf8) } } == rows.map { $0.map { Array($0.utf8) } })
    }
  }

  @Test func `whatever the bytes are, the answer is rows or errors with a line`() throws {
    var random = SeededGenerator(seed: 5)
    let pieces: [[UInt8]] =
      ["a", "b,c", "\"", "\"\"", ",", "\n", "\r\n", "\r", "é", "id,text\n", "1,\"x\"\n", ";", "\t", "\u{FEFF}", " "].map
    { Array($0.utf8) }
      + [[0], [0xFF], [0xC3], [0xF0, 0x9F]]
    for _ in 0..<3000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0...30, using: &random) { bytes += pieces.randomElement(using: &random) ?? [] }
      let path = try folder.write(Data(bytes), to: "t.csv")
      let inspection = try TableInspection(path, rows: 100)
      let lines = bytes.count { $0 == 10 || $0 == 13 } + 1
      for problem in inspection.problems { #expect((1...lines).contains(problem.line ?? 1)) }
      #expect(inspection.rows.count == inspection.rowCount)
      #expect(inspection.rows.allSatisfy { $0.count == inspection.header.count })
      #expect(inspection.rowCount > 0 || inspection.problemCount > 0)
    }
  }
}
