import FileKit
import Foundation
import IntrayCore
import Tables
import TestSupport
import Testing

@Suite struct TableWriterTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = "\(folder.path)/out.csv"
  }

  @Test func `only what needs quotes gets them`() throws {
    let writer = try TableWriter(path, header: ["id", "text, or so"])
    try writer.write(["1", "plain text"])
    try writer.write(["2", "a, b"])
    try writer.write(["3", "say \"hi\""])
    try writer.write(["4", "two\nlines"])
    try writer.write(["", ""])
    try writer.close()
    #expect(
      String(decoding: try Files.read(path), as: UTF8.self) == """
        id,"text, or so"
        1,plain text
        2,"a, b"
        3,"say ""hi""\"
        4,"two
        lines"
        ,

        """)
  }

  @Test func `an empty field alone on its line is quoted`() throws {
    let writer = try TableWriter(path, header: ["text"], delimiter: UInt8(ascii: "\t"))
    try writer.write([""])
    try writer.write(["a\tb"])
    try writer.write(["a,b"])
    try writer.write(["a b"])
    try writer.close()
    #expect(String(decoding: try Files.read(path), as: UTF8.self) == "text\n\"\"\n\"a\tb\"\n\"a,b\"\na b\n")
  }

  @Test func `a row of another width is a bug of the caller`() throws {
    let writer = try TableWriter(path, header: ["a", "b"])
    let error = #expect(throws: IntrayError.self) { try writer.write(["1"]) }
    #expect(error?.code == .bug)
    #expect(writer.rows == 0)
  }

  @Test func `a table can be published whole or not at all`() throws {
    let row = [String(repeating: "x", count: 50_000), "y"]
    for number in 1... {
      let fault = Fault(at: number, .fail(ENOSPC))
      do {
        try FaultInjection.with(fault) {
          try Files.publish(to: path) { file in
            let writer = try TableWriter(file, header: ["a", "b"])
            for _ in 0..<10 { try writer.write(row) }
          }
        }
        #expect(!fault.fired)
        break
      } catch let error as IntrayError {
        #expect(error.isTransient)
        if try Files.list(folder.path) == ["out.csv"] {
          #expect(try TableInspection(path, rows: 0).rowCount == 10)
          try Files.remove(path)
        }
        #expect(try Files.list(folder.path).isEmpty)
      }
    }
    #expect(try TableInspection(path, rows: 0).rowCount == 10)
  }
}
