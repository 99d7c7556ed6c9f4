import FileKit
import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct PublishTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = "\(folder.path)/result.json"
  }

  @Test func `a published file holds its content and nothing lies beside it`() throws {
    try Files.publish(Data("old".utf8), to: path)
    try Files.publish(Data("new".utf8), to: path)
    #expect(try Files.read(path) == Data("new".utf8))
    #expect(try Files.list(folder.path) == ["result.json"])
  }

  @Test(arguments: [ENOSPC, EIO, EACCES])
  func `whichever call fails, the file is the old one or the new one, whole`(code: Int32) throws {
    let old = Data(repeating: 1, count: 300_000)
    let new = Data(repeating: 2, count: 400_000)
    var failures = 0
    for number in 1... {
      try Files.publish(old, to: path)
      let fault = Fault(at: number, .fail(code))
      do {
        try FaultInjection.with(fault) { try Files.publish(new, to: path) }
        #expect(!fault.fired, "call \(number) failed and nobody was told")
        break
      } catch let error as IntrayError {
        failures += 1
        #expect(error.code == .system)
        #expect(error.isTransient == (code != EACCES))
      }
      let content = try Files.read(path)
      #expect(content == old || content == new)
      #expect(try Files.list(folder.path) == ["result.json"], "call \(number) left a temp file")
    }
    #expect(failures >= 6, "open, write, fsync, close, rename and the folder's fsync are all counted")
    #expect(try Files.read(path) == new)
  }

  @Test func `on a disk that stays broken what is left behind is recognisable and can be removed`() throws {
    let old = Data("old".utf8)
    for number in 1... {
      try Files.publish(old, to: path)
      let fault = Fault(at: number, andLater: true, .fail(EIO))
      do {
        try FaultInjection.with(fault) { try Files.publish(Data("new".utf8), to: path) }
        break
      } catch is IntrayError {}
      let others = try Files.list(folder.path).filter { $0 != "result.json" }
      #expect(others.allSatisfy(Files.isTemporary))
      try Files.removeTemporaries(in: folder.path)
      #expect(try Files.list(folder.path) == ["result.json"])
    }
  }

  @Test func `when the body throws, the old content stays`() throws {
    struct Stop: Error {}
    try Files.publish(Data("old".utf8), to: path)
    #expect(throws: Stop.self) {
      try Files.publish(to: path) { writer in
        try writer.write("half")
        throw Stop()
      }
    }
    #expect(try Files.read(path) == Data("old".utf8))
    #expect(try Files.list(folder.path) == ["result.json"])
  }

  @Test func `a result is published beside names of any length that the disk takes`() throws {
    let long = "\(folder.path)/\(String(repeating: "n", count: 255))"
    try Files.publish(Data("x".utf8), to: long)
    #expect(try Files.read(long) == Data("x".utf8))
  }
}
