import FileKit
import Foundation
import IntrayCore

/// unix(7) stream sockets.
final class UnixSocket {
  let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// A socket that listens at `path`. One that is there already is replaced: the caller holds the lock of the folder.
  static func listening(at path: String) throws -> UnixSocket {
    try Files.remove(path)
    let listener = try make(nonBlocking: true)
    try listener.at(path, "listen") { bind(listener.descriptor, $0, $1) }
    try Files.setMode(path, 0o660)
    guard listen(listener.descriptor, 16) == 0 else { throw IntrayError.system("cannot listen", path, errno: errno) }
    return listener
  }

  /// - Throws: `IntrayError(.unavailable)` when nobody listens there.
  static func connected(to path: String) throws -> UnixSocket {
    let client = try make(nonBlocking: false)
    do {
      try client.at(path, "connect") { connect(client.descriptor, $0, $1) }
    } catch let error as Refused {
      guard error.code == ENOENT || error.code == ECONNREFUSED else {
        throw IntrayError.system("cannot connect to intrayd", path, errno: error.code)
      }
      throw IntrayError(
        .unavailable, "intrayd does not run with this state folder", at: .init(path),
        hint: "start it, or name its"
          + " configuration with --config")
    }
    return client
  }

  /// The next connection, nil when none waits.
  func accept() -> UnixSocket? {
    let client = Glibc.accept(descriptor, nil, nil)
    guard client >= 0 else { return nil }
    _ = fcntl(client, F_SETFD, FD_CLOEXEC)
    _ = fcntl(client, F_SETFL, O_NONBLOCK)
    return UnixSocket(client)
  }

  /// Calls that wait give up after this time.
  func setTimeLimit(seconds: Int) {
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  /// - Returns: nil when nothing is there yet, empty at the end.
  func read() -> Data? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count >= 0 { return Data(buffer[..<count]) }
      if errno != EINTR { return errno == EAGAIN ? nil : Data() }
    }
  }

  /// Writes a small message. False when the other side is gone or does not read.
  func write(_ data: Data) -> Bool {
    data.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
      var done = 0
      while let base = bytes.baseAddress, done < bytes.count {
        let count = send(descriptor, base + done, bytes.count - done, Int32(MSG_NOSIGNAL))
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return false }
        done += count
      }
      return true
    }
  }

  // MARK: -

  private struct Refused: Error { let code: Int32 }

  private static func make(nonBlocking: Bool) throws -> UnixSocket {
    let flags = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | (nonBlocking ? SOCK_NONBLOCK.rawValue : 0))
    let descriptor = socket(AF_UNIX, flags, 0)
    guard descriptor >= 0 else { throw IntrayError.system("cannot make a socket", "control socket", errno: errno) }
    return UnixSocket(descriptor)
  }

  /// An address has room for 107 bytes only. So it goes through the open folder, whose own path may have any length.
  private func at(
    _ path: String, _ action: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws {
    let folder = open(Files.parent(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw Refused(code: errno) }
    defer { close(folder) }
    let name = "/proc/self/fd/\(folder)/\(URL(fileURLWithPath: path).lastPathComponent)"
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    guard name.utf8.count < capacity else {
      throw IntrayError(.usage, "the name is too long for a socket", at: .init(path))
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    guard result == 0 else { throw Refused(code: errno) }
  }
}
