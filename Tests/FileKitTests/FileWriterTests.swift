import FileKit
import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct FileWriterTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = "\(folder.path)/file"
  }

  @Test func `pieces of any size come out in order`() throws {
    let writer = try FileWriter(path)
    var expected = Data()
    for size in [0, 1, 100, 131_071, 131_072, 131_073, 5, 400_000, 3] {
      let piece = Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ size) })
      expected += piece
      try piece.withUnsafeBytes { try writer.write($0) }
    }
    try writer.write("größe")
    expected += Data("größe".utf8)
    try writer.close(sync: true)
    #expect(try Files.read(path) == expected)
  }

  @Test func `a new file empties the old one, an appended one goes on`() throws {
    try folder.write("something longer", to: "file")
    let new = try FileWriter(path)
    try new.write("a\n")
    try new.close()
    let more = try FileWriter(appendingTo: path)
    try more.write("b\n")
    try more.flush()
    #expect(try Files.read(path) == Data("a\nb\n".utf8))
    try more.close()
  }

  @Test func `writing after the end is an error`() throws {
    let writer = try FileWriter(path)
    try writer.close()
    #expect(throws: IntrayError.self) {
      try writer.write("late")
      try writer.flush()
    }
    #expect(throws: IntrayError.self) { try writer.close() }
  }

  @Test func `a write that failed is not repeated with the next one`() throws {
    let writer = try FileWriter(path)
    try writer.write("lost")
    #expect(throws: IntrayError.self) {
      try FaultInjection.with(Fault(.write, at: 1, .fail(ENOSPC))) { try writer.flush() }
    }
    try writer.write("kept")
    try writer.close()
    #expect(try Files.read(path) == Data("kept".utf8))
  }

  @Test func `a full disk is a transient error that says what helps`() throws {
    let error = #expect(throws: IntrayError.self) {
      try FaultInjection.with(Fault(.write, at: 1, .fail(ENOSPC))) { try Files.publish(Data("x".utf8), to: path) }
    }
    #expect(error?.message == "cannot write: No space left on device")
    #expect(error?.hint == "free some space")
    #expect(error?.isTransient == true)
  }

  @Test func `a mapped file shows the bytes, also of an empty file`() throws {
    let mapped = try MappedFile(folder.write("mapped", to: "m"))
    #expect(mapped.bytes.elementsEqual("mapped".utf8))
    #expect(try MappedFile(folder.write("", to: "empty")).bytes.isEmpty)
  }

  @Test func `a mapped file outlives its name`() throws {
    let mapped = try MappedFile(folder.write("old", to: "m"))
    try Files.publish(Data("new".utf8), to: "\(folder.path)/m")
    #expect(mapped.bytes.elementsEqual("old".utf8))
  }

  /// FIPS 180-2, appendix B.
  @Test(arguments: [
    "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq":
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ])
  func `digests are those of the standard`(text: String, hex: String) throws {
    #expect(SHA256Digest.hex(of: Data(text.utf8)) == hex)
    #expect(try Files.sha256(folder.write(text, to: "file")) == hex)
    var digest = SHA256Digest()
    for byte in text.utf8 { digest.update(Data([byte])) }
    #expect(digest.hex() == hex)
  }

  @Test func `one holder of a lock at a time`() throws {
    var first = try FileLock(path)
    #expect(first != nil)
    #expect(try FileLock(path) == nil)
    first = nil
    #expect(try FileLock(path) != nil)
  }
}
