import Foundation
import IntrayCore
import Tables
import TestSupport
import Testing

/// Two public sets of CSV files with what a reader has to make of them.
@Suite struct ConformanceTests {
  static let spectrum = Checkout.sharedData("csv/csv-spectrum")
  static let testData = Checkout.sharedData("csv/csv-test-data")

  private static func names(_ folder: String?) -> [String] {
    folder.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0) }?.filter { $0.hasSuffix(".csv") }
      .sorted()
      ?? []
  }

  /// - Parameter crlf: Some copies of the sets have lost the CRs that a file's name promises: put them back.
  private func rows(_ path: String, crlf: Bool = false) throws -> (header: [String], rows: [[String]]) {
    let folder = try TemporaryFolder()
    var text = try String(contentsOfFile: path, encoding: .utf8)
    if crlf && !text.contains("\r\n") { text = text.replacingOccurrences(of: "\n", with: "\r\n") }
    let table = try TableReader(folder.write(text, to: "table.csv"))
    var rows: [[String]] = []
    while let row = try table.next() { rows.append(row.fields) }
    return (table.header, rows)
  }

  private func expectation(_ path: String) throws -> [JSONValue] {
    try #require(JSON.decode(JSONValue.self, from: Data(contentsOf: URL(fileURLWithPath: path)), path: path).array)
  }

  private func objects(_ table: (header: [String], rows: [[String]])) -> [JSONValue] {
    table.rows.map { row in .object(Dictionary(zip(table.header, row.map { .string($0) })) { first, _ in first }) }
  }

  @Test(
    .enabled(if: spectrum != nil, "csv-spectrum is not beside the project"),
    arguments: names(spectrum.map { "\($0)/csvs" }))
  func `csv-spectrum`(name: String) throws {
    let folder = try #require(Self.spectrum)
    let expected = try expectation("\(folder)/json/\(name.replacingOccurrences(of: ".csv", with: ".json"))")
    try #expect(objects(rows("\(folder)/csvs/\(name)", crlf: name.hasSuffix("_crlf.csv"))) == expected)
  }

  @Test(
    .enabled(if: testData != nil, "csv-test-data is not beside the project"),
    arguments: names(testData.map { "\($0)/csv" }))
  func `csv-test-data`(name: String) throws {
    let folder = try #require(Self.testData)
    let path = "\(folder)/csv/\(name)"
    switch name {
    case "bad-header-wrong-header.csv":
      // Wrong only for one who knows which columns there should be.
      #expect(throws: IntrayError.self) { try TableReader(path).column("foo") }
    case _ where name.hasPrefix("bad-"), "all-empty.csv":
      // all-empty has no header: it is well-formed, and no table.
      #expect(throws: IntrayError.self) { try rows(path) }
    default:
      let table = try rows(path, crlf: name.hasSuffix("-crlf.csv"))
      let expected = try expectation("\(folder)/json/\(name.replacingOccurrences(of: ".csv", with: ".json"))")
      if name.hasPrefix("header-") {
        #expect(objects(table) == expected)
      } else {
        #expect(([table.header] + table.rows).map { .array($0.map { .string($0) }) } == expected)
      }
    }
  }

  @Test(
    .enabled(if: Checkout.sharedData("arxiv-cs36") != nil, "arxiv-cs36 is not beside the project"),
    arguments: ["train.csv": 49_997, "dev.csv": 5000, "test.csv": 5003])
  func `arxiv-cs36 is read to its last row`(name: String, count: Int) throws {
    let inspection = try TableInspection(try #require(Checkout.sharedData("arxiv-cs36/\(name)")), rows: 1)
    #expect(inspection.rowCount == count)
    #expect(inspection.delimiter == "tab")
    #expect(inspection.header.prefix(3) == ["paperid", "title", "abstract"])
    #expect(inspection.problems.isEmpty)
  }
}
