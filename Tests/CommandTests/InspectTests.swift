import IntrayCore
import TestSupport
import Testing

@Suite struct InspectTests {
  private struct Inspection: Decodable {
    struct Problem: Decodable { var line: Int? }
    var delimiter: String
    var header: [String]
    var rowCount: Int
    var rows: [[String]]
    var problems: [Problem]
  }

  @Test func `a good file is shown with its first rows`() throws {
    let folder = try TemporaryFolder()
    try folder.write("id;text\n1;\"two\nlines\"\n2;b\n3;c\n", to: "a.csv")
    let result = try Program(in: folder.path)("inspect", "a.csv", "--rows", "2")
    #expect(result.status == 0)
    #expect(result.output.contains("delimiter:   semicolon"))
    #expect(result.output.contains("rows:        3"))
    #expect(result.output.contains(#"1   two\nlines"#))
    #expect(!result.output.contains("3   c"))
  }

  @Test func `JSON holds the same, rows unchanged`() throws {
    let folder = try TemporaryFolder()
    try folder.write("id\ttext\n1\t\"two\nlines\"\n", to: "a.tsv")
    let inspection = try Program(in: folder.path)("inspect", "a.tsv", "--json").json(Inspection.self)
    #expect(inspection.delimiter == "tab")
    #expect(inspection.header == ["id", "text"])
    #expect(inspection.rows == [["1", "two\nlines"]])
    #expect(inspection.problems.isEmpty)
  }

  @Test func `faults are named with their lines and end with 65`() throws {
    let folder = try TemporaryFolder()
    try folder.write("id,text\n1,a\n2\n3,b\n", to: "a.csv")
    let result = try Program(in: folder.path)("inspect", "a.csv")
    #expect(result.status == IntrayError.Code.data.exitCode)
    #expect(result.output.contains("a.csv:3: "))
    let json = try Program(in: folder.path)("inspect", "a.csv", "--json")
    #expect(json.status == IntrayError.Code.data.exitCode)
    #expect(try json.json(Inspection.self).problems.map(\.line) == [3])
  }

  @Test func `a file that sends control characters cannot reach the terminal`() throws {
    let folder = try TemporaryFolder()
    try folder.write("id,text\n1,\u{1b}[2Jboo\n", to: "a.csv")
    let result = try Program(in: folder.path)("inspect", "a.csv")
    #expect(!result.output.contains("\u{1b}"))
    #expect(result.output.contains(#"\u{1b}[2Jboo"#))
  }

  @Test func `a missing file ends with 66`() throws {
    let folder = try TemporaryFolder()
    let result = try Program(in: folder.path)("inspect", "none.csv")
    #expect(result.status == IntrayError.Code.missing.exitCode)
    #expect(result.errors.hasPrefix("intray: none.csv: "))
  }
}
