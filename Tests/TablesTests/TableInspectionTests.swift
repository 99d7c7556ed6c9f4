import FileKit
import Foundation
import IntrayCore
import Tables
import TestSupport
import Testing

@Suite struct TableInspectionTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test func `an inspection shows how a file is read`() throws {
    let path = try folder.write("\u{FEFF}id\ttext\r\n1\ta\r\n2\t\"b\r\nc\"\r\n3\r\n4\td\r\n", to: "t.tsv")
    let inspection = try TableInspection(path, rows: 2)
    #expect(
      try JSON.text(inspection, pretty: true) == """
        {
          "bytes" : 35,
          "delimiter" : "tab",
          "encoding" : "UTF-8 with byte order mark",
          "file" : "t.tsv",
          "header" : [
            "id",
            "text"
          ],
          "lineEnding" : "CRLF",
          "problemCount" : 1,
          "problems" : [
            {
              "line" : 5,
              "message" : "t.tsv:5: 1 field where the header has 2"
            }
          ],
          "rowCount" : 3,
          "rows" : [
            [
              "1",
              "a"
            ],
            [
              "2",
              "b\\r\\nc"
            ]
          ]
        }
        """)
    #expect(try JSON.decode(TableInspection.self, from: JSON.encode(inspection), path: "x") == inspection)
  }

  @Test func `problems beyond the limit are counted, not kept`() throws {
    let inspection = try TableInspection(
      folder.write("a,b\n" + String(repeating: "1\n", count: 100), to: "t.csv"), rows: 1)
    #expect(inspection.problems.count == TableInspection.maximumProblems)
    #expect(inspection.problemCount == 100)
  }

  @Test func `a file that cannot be read is an error, not a problem of its content`() {
    let error = #expect(throws: IntrayError.self) { try TableInspection("\(folder.path)/none.csv", rows: 1) }
    #expect(error?.code == .missing)
  }
}
