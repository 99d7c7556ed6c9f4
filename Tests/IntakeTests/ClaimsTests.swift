import FileKit
import Foundation
import Intake
import IntrayCore
import TestSupport
import Testing

@Suite struct ClaimsTests {
  let folder: TemporaryFolder
  let claims: Claims
  var inbox: String { "\(folder.path)/inbox" }

  init() throws {
    folder = try TemporaryFolder(isSmall: true)
    claims = Claims(folder: "\(folder.path)/claims", inbox: "\(folder.path)/inbox")
    try Files.makeFolder(claims.folder)
    try folder.write("run: echo\n", to: "inbox/papers.yaml")
    try folder.write("content", to: "inbox/a.csv")
  }

  private func batch(sharing: Bool = false) -> Batch {
    Batch(
      name: "papers", entries: [.init(name: "papers.yaml"), .init(name: "a.csv", isShared: sharing)],
      source: .spec("papers.yaml"))
  }

  private func text(_ path: String) throws -> String { String(decoding: try Files.read(path), as: UTF8.self) }

  @Test func `a claim moves the files out of the inbox`() throws {
    let claim = try #require(try claims.claim(batch()))
    #expect(try Files.list(inbox) == [])
    #expect(try Files.list(claim.folder) == ["a.csv", "papers.yaml"])
    #expect(claim.folder == "\(claims.folder)/\(claim.name)")
  }

  @Test func `a shared file is copied`() throws {
    let claim = try #require(try claims.claim(batch(sharing: true)))
    #expect(try Files.list(inbox) == ["a.csv"])
    #expect(try text("\(claim.folder)/a.csv") == "content")
  }

  @Test func `a folder is claimed whole, hidden files too`() throws {
    try folder.write("x", to: "inbox/drop/.hidden")
    let drop = Batch(name: "drop", entries: [.init(name: "drop")], folder: "drop", source: .spec("papers.yaml"))
    let claim = try #require(try claims.claim(drop))
    #expect(claim.name.hasSuffix("/drop"))
    #expect(try Files.list(claim.folder) == [".hidden"])
    try claims.recover(known: [])
    #expect(try Files.list(inbox) == ["a.csv", "drop", "papers.yaml"])
  }

  @Test func `a file that has just gone leaves the others in the inbox`() throws {
    try Files.remove("\(inbox)/a.csv")
    #expect(try claims.claim(batch()) == nil)
    #expect(try Files.list(inbox) == ["papers.yaml"])
    #expect(try Files.list(claims.folder) == [])
  }

  @Test func `claims that the store does not know go back, the others stay`() throws {
    let known = try #require(try claims.claim(batch()))
    try folder.write("other", to: "inbox/b.csv")
    let lost = Batch(name: "b", entries: [.init(name: "b.csv")], source: .file("b.csv"))
    _ = try claims.claim(lost)
    #expect(try claims.recover(known: [known.name]) == 1)
    #expect(try Files.list(inbox) == ["b.csv"])
    #expect(try Files.list(claims.folder) == [known.name])
    try claims.remove(known.name)
    #expect(try Files.list(claims.folder) == [])
  }

  @Test func `a claim that cannot be given back keeps no other`() throws {
    try folder.write("x", to: "claims/1/first.csv")
    try folder.write("y", to: "claims/2/second.csv")
    let fault = Fault(.rename, at: 1, .fail(EACCES))
    #expect(throws: IntrayError.self) { try FaultInjection.with(fault) { try claims.recover(known: []) } }
    #expect(try Files.list(inbox).filter { $0 != "a.csv" && $0 != "papers.yaml" } == ["second.csv"])
    #expect(try claims.recover(known: []) == 1)
    #expect(try Files.list(inbox).contains("first.csv"))
  }

  @Test func `a claim whose names are taken by other content comes back as a folder of its own`() throws {
    let claim = try #require(try claims.claim(batch()))
    try folder.write("new content", to: "inbox/a.csv")
    try claims.recover(known: [])
    #expect(try Files.list(inbox) == [claim.name, "a.csv"].sorted())
    #expect(try Files.list("\(inbox)/\(claim.name)") == ["a.csv", "papers.yaml"])
    #expect(try text("\(inbox)/\(claim.name)/a.csv") == "content")
    #expect(try text("\(inbox)/a.csv") == "new content")
  }

  @Test(arguments: [false, true]) func `a claimed folder whose name is taken comes back under another`(
    isFolder: Bool
  ) throws {
    try folder.write("x", to: "inbox/drop/a.csv")
    let drop = Batch(name: "drop", entries: [.init(name: "drop")], folder: "drop", source: .spec("papers.yaml"))
    _ = try claims.claim(drop)
    try folder.write("y", to: isFolder ? "inbox/drop/b.csv" : "inbox/drop")
    try claims.recover(known: [])
    let back = try Files.list(inbox).filter { $0.hasPrefix("drop-") }
    #expect(back.count == 1)
    #expect(try text("\(inbox)/\(back[0])/a.csv") == "x")
  }

  /// Fails at call 1, 2, 3 ...; each time, whatever the claim left, a recovery has all files in the inbox again.
  @Test(arguments: [false, true]) func `a crash at any call of a claim loses and doubles nothing`(sharing: Bool) throws
  {
    var number = 1
    while true {
      let own = try ClaimsTests()
      let fault = Fault(at: number, andLater: true, .fail(EIO))
      let claim = FaultInjection.with(fault) { try? own.claims.claim(own.batch(sharing: sharing)) }
      if !fault.fired {
        #expect(claim != nil && number > 5)
        break
      }
      try own.claims.recover(known: [])
      #expect(try Files.list(own.inbox) == ["a.csv", "papers.yaml"], "call \(number)")
      #expect(try own.text("\(own.inbox)/a.csv") == "content", "call \(number)")
      #expect(try Files.list(own.claims.folder) == [], "call \(number)")
      number += 1
    }
  }

  @Test func `a crash at any call of a recovery is repaired by the next`() throws {
    var number = 1
    while true {
      let own = try ClaimsTests()
      _ = try own.claims.claim(own.batch())
      let fault = Fault(at: number, .fail(EIO))
      let count = FaultInjection.with(fault) { try? own.claims.recover(known: []) }
      if !fault.fired {
        #expect(count == 1)
        break
      }
      try own.claims.recover(known: [])
      #expect(try Files.list(own.inbox) == ["a.csv", "papers.yaml"], "call \(number)")
      #expect(try Files.list(own.claims.folder) == [], "call \(number)")
      number += 1
    }
  }
}
