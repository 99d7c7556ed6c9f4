import FileKit
import Foundation
import IntrayCore

/// Talks to the running daemon.
///
/// ```swift
/// print(try ControlClient(state: StateFolder("/var/lib/intray")).request(.cancel, job: "papers"))
/// ```
public struct ControlClient: Sendable {
  private let path: String

  public init(state: StateFolder) { path = state.controlSocket }

  /// Whether a daemon answers.
  public var isRunning: Bool { (try? request(.ping)) != nil }

  /// - Returns: what the daemon did, in words.
  /// - Throws: the daemon's own error, or `IntrayError(.unavailable)` when no daemon answers.
  @discardableResult public func request(_ verb: ControlRequest.Verb, job: String? = nil) throws -> String {
    let socket = try UnixSocket.connected(to: path)
    // The daemon may be in the middle of publishing a large model.
    socket.setTimeLimit(seconds: 60)
    guard socket.write(try JSON.encode(ControlRequest(verb, job: job)) + Data("\n".utf8)) else { throw silence() }
    var answer = Data()
    while answer.last != UInt8(ascii: "\n") {
      guard answer.count <= ControlSocket.limit, let part = socket.read(), !part.isEmpty else { throw silence() }
      answer.append(part)
    }
    let reply: ControlReply = try JSON.decode(from: answer, path: path, code: .unavailable)
    if let error = reply.error { throw error }
    return reply.message ?? ""
  }

  private func silence() -> IntrayError {
    IntrayError(.unavailable, "intrayd does not answer", at: .init(path), hint: "see `journalctl -u intrayd`")
  }
}
