import Foundation
import IntrayCore
import Testing
import WorkerLink

@Suite("Frames")
struct FrameTests {
  /// All frames of a stream that comes in pieces of `size` bytes.
  private func decode(_ stream: Data, inPiecesOf size: Int) throws -> [Data] {
    var decoder = FrameDecoder()
    var frames: [Data] = []
    for start in stride(from: 0, to: stream.count, by: size) {
      stream[start..<min(start + size, stream.count)].withUnsafeBytes { decoder.append($0) }
      while let frame = try decoder.next() { frames.append(frame) }
    }
    #expect(!decoder.isInsideFrame)
    return frames
  }

  @Test("A frame is its length in 4 little-endian bytes and its body")
  func layout() throws {
    #expect(try Frame.encode(Data("{}".utf8)) == Data([2, 0, 0, 0, 0x7b, 0x7d]))
    #expect(try Frame.encode(Data(count: 0x1_0203)).prefix(4) == Data([3, 2, 1, 0]))
  }

  @Test("Frames survive pieces of every size")
  func pieces() throws {
    let bodies = [Data("{}".utf8), Data(repeating: 7, count: 300), Data([0]), Data("last".utf8)]
    let stream = try bodies.reduce(into: Data()) { $0.append(try Frame.encode($1)) }
    for size in 1...stream.count { #expect(try decode(stream, inPiecesOf: size) == bodies) }
  }

  @Test("The longest frame passes, in small pieces")
  func longest() throws {
    let body = Data(repeating: 1, count: Frame.limit)
    #expect(try decode(Frame.encode(body), inPiecesOf: 4096) == [body])
  }

  @Test("A body that is empty or too long is not encoded")
  func refusesToEncode() {
    #expect(throws: IntrayError.self) { try Frame.encode(Data()) }
    #expect(throws: IntrayError.self) { try Frame.encode(Data(count: Frame.limit + 1)) }
  }

  @Test(
    "What is no frame is refused with its length, and for ever",
    arguments: [
      ([0, 0, 0, 0], "a frame of 0 bytes"), ([1, 0, 16, 0], "a frame of 1048577 bytes"),
      ([0xff, 0xff, 0xff, 0xff], "a frame of 4294967295 bytes"), (Array("hello".utf8), "a frame of 1819043176 bytes"),
    ] as [([UInt8], String)])
  func garbage(bytes: [UInt8], expected: String) {
    var decoder = FrameDecoder()
    bytes.withUnsafeBytes { decoder.append($0) }
    for _ in 0..<2 {
      let error = #expect(throws: IntrayError.self) { _ = try decoder.next() }
      #expect(error?.message.contains(expected) == true)
      #expect(error?.code == .crashed)
      #expect(error?.isTransient == true)
    }
  }

  @Test("A stream that ends inside a frame is known to do so")
  func truncated() throws {
    let frame = try Frame.encode(Data("{}".utf8))
    for length in 1..<frame.count {
      var decoder = FrameDecoder()
      frame.prefix(length).withUnsafeBytes { decoder.append($0) }
      #expect(try decoder.next() == nil)
      #expect(decoder.isInsideFrame)
    }
  }
}
