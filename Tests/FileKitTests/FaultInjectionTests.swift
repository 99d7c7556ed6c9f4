import FileKit
import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct FaultInjectionTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test func `the nth call of a kind fails, no other`() throws {
    let fault = Fault(.rename, at: 2, .fail(EACCES))
    let path = try folder.write("x", to: "a")
    try FaultInjection.with(fault) {
      try Files.rename(path, to: "\(folder.path)/b")
      #expect(!fault.fired)
      let error = #expect(throws: IntrayError.self) { try Files.rename("\(folder.path)/b", to: path) }
      #expect(error?.message == "cannot rename to \(path): Permission denied")
      #expect(fault.fired)
      try Files.rename("\(folder.path)/b", to: path)
    }
    #expect(fault.calls == 3)
    try Files.rename(path, to: "\(folder.path)/b")
    #expect(fault.calls == 3)
  }

  @Test(arguments: ["rename:2:ENOSPC", "any:17:die", "write:1+:EIO", "fsync:1+:EIO:/a:b"])
  func `a fault is written as text`(text: String) {
    #expect(Fault(text) != nil)
  }

  @Test func `with a file a fault is in force while the file is there`() throws {
    let fault = try #require(Fault("unlink:2+:EIO:\(folder.path)/broken"))
    try FaultInjection.with(fault) {
      try Files.remove("\(folder.path)/a")
      try Files.remove("\(folder.path)/a")
      #expect(fault.calls == 0)
      try folder.write("", to: "broken")
      try Files.remove("\(folder.path)/a")
      #expect(throws: IntrayError.self) { try Files.remove("\(folder.path)/a") }
      try FileManager.default.removeItem(atPath: "\(folder.path)/broken")
      try Files.remove("\(folder.path)/a")
    }
    #expect(fault.calls == 2)
  }

  @Test(arguments: [
    "", "rename", "rename:0:EIO", "rename:-1:EIO", "rename:x:EIO", "renam:1:EIO", "any:1:EWHAT", "a:b:c:d",
    "any:1:EIO:",
  ])
  func `what is not well formed is no fault`(text: String) {
    #expect(Fault(text) == nil)
  }

  /// Runs CrashProbe with a fault; the signal that ended it, nil when it ended by itself.
  private func probe(_ arguments: [String], fault: String) throws -> (signal: Int32?, status: Int32) {
    let process = TestProcess(
      "\(Checkout.products)/CrashProbe", arguments, environment: [FaultInjection.environmentVariable: fault])
    try process.run(output: nil, errors: FileHandle.nullDevice)
    process.waitUntilExit()
    return (process.wasKilled ? process.terminationStatus : nil, process.terminationStatus)
  }

  @Test func `killed at any call, a publish leaves the old file or the new one, and what it leaves is recognised`()
    throws
  {
    let path = "\(folder.path)/result"
    let (old, new) = (Data(repeating: 1, count: 200_000), Data(repeating: 2, count: 300_000))
    var sawOld = false
    for number in 1... {
      try Files.publish(old, to: path)
      let end = try probe(["publish", path, "2", "300000"], fault: "any:\(number):die")
      let content = try Files.read(path)
      if end.signal == nil {
        #expect(end.status == 0)
        #expect(content == new)
        break
      }
      #expect(end.signal == SIGKILL)
      #expect(content == old || content == new)
      sawOld = sawOld || content == old
      #expect(try Files.list(folder.path).filter { $0 != "result" }.allSatisfy(Files.isTemporary))
      try Files.removeTemporaries(in: folder.path)
      #expect(try Files.list(folder.path) == ["result"])
    }
    #expect(sawOld)
  }

  @Test func `a child process can have a disk that is full`() throws {
    let path = "\(folder.path)/result"
    #expect(try probe(["publish", path, "2", "1000"], fault: "write:1+:ENOSPC").status != 0)
    #expect(try Files.list(folder.path).isEmpty)
  }

  @Test func `a fault for another program does nothing, and one for this program does`() throws {
    let path = "\(folder.path)/result"
    #expect(try probe(["publish", path, "2", "10"], fault: "intrayd@any:1:die").status == 0)
    #expect(try probe(["publish", path, "2", "10"], fault: "CrashProbe@any:1:die").signal == SIGKILL)
  }

  @Test func `a fault that is not well formed stops the program`() throws {
    #expect(try probe(["publish", "\(folder.path)/result", "2", "10"], fault: "rename:ENOSPC").status == 64)
  }
}
