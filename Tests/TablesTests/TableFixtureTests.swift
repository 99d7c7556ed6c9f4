import Foundation
import IntrayCore
import Tables
import TestSupport
import Testing

/// Each folder of `Fixtures/csv`: an inspection shows exactly the problems of `expected.txt`, and a reader stops at the
/// first of them.
@Suite struct TableFixtureTests {
  static let folder = Checkout.fixture("csv")
  static let cases: [String] =
    (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted()
    .filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/table.csv") } ?? []

  @Test func `there are fixtures`() {
    #expect(Self.cases.count > 30)
  }

  @Test(arguments: cases)
  func `a broken table is told line by line`(name: String) throws {
    let expected = try String(contentsOfFile: "\(Self.folder)/\(name)/expected.txt", encoding: .utf8)
      .split(separator: "\n").map(String.init)
    let inspection = try TableInspection("\(Self.folder)/\(name)/table.csv", rows: 5)
    #expect(inspection.problems.map(\.message) == expected)
    #expect(inspection.problemCount >= expected.count)
  }

  @Test(arguments: cases)
  func `a reader throws the first problem`(name: String) throws {
    let inspection = try TableInspection("\(Self.folder)/\(name)/table.csv", rows: 0)
    // A table without rows is for the one who wants rows to refuse.
    if name == "header-only" { return }
    let error = #expect(throws: IntrayError.self) {
      let table = try TableReader("\(Self.folder)/\(name)/table.csv")
      while try table.next() != nil {}
    }
    #expect(error?.description == inspection.problems.first?.message)
    #expect(error?.code == .data)
  }
}
