import CLinux
import Glibc
import IntrayCore

/// An open descriptor of a pipe or the like, closed with its owner.
final class Descriptor: Sendable {
  let number: Int32

  /// Takes the result of `call`, which is -1 when it failed.
  init(_ number: Int32, _ call: String) throws {
    guard number >= 0 else { throw SystemCall.error(call) }
    self.number = number
  }

  deinit { _ = close(number) }

  func setNonBlocking() throws {
    guard fcntl(number, F_SETFL, O_NONBLOCK) == 0 else { throw SystemCall.error("fcntl") }
  }

  /// How many bytes came, 0 at the end, nil when a non-blocking descriptor has nothing now.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
    let count = SystemCall.retrying { Glibc.read(number, buffer.baseAddress, buffer.count) }
    if count >= 0 { return count }
    if errno == EAGAIN { return nil }
    throw SystemCall.error("read")
  }
}

/// A pipe, both ends close-on-exec.
struct Pipe {
  let reading: Descriptor
  let writing: Descriptor

  init() throws {
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutableBytes(of: &ends) { intray_pipe($0.bindMemory(to: Int32.self).baseAddress) }
    guard result == 0 else { throw SystemCall.error("pipe2") }
    reading = try Descriptor(ends.0, "pipe2")
    writing = try Descriptor(ends.1, "pipe2")
  }
}
