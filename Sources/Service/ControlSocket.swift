import FileKit
import Foundation
import IntrayCore
import WorkerLink

/// The daemon's side of the control socket.
///
/// (1) A client can neither block the daemon nor make it grow: a request is one line of at most `limit` bytes, a
///     connection lives for at most `patience`, and there are at most `connections` of them.
final class ControlSocket {
  static let limit = 1 << 16
  private static let patience = Duration.seconds(10)
  private static let connections = 32

  private let path: String
  private let listener: UnixSocket
  private let loop: EventLoop
  private let answer: (ControlRequest) throws -> String
  private var clients: [Int32: Client] = [:]
  private var watch: EventLoop.Watch?

  /// - Parameter answer: Does what is asked; its text goes to the client.
  init(_ path: String, on loop: EventLoop, answer: @escaping (ControlRequest) throws -> String) throws {
    self.path = path
    self.loop = loop
    self.answer = answer
    listener = try UnixSocket.listening(at: path)
    watch = loop.watch(descriptor: listener.descriptor) { [weak self] in self?.accept() }
  }

  func close() {
    watch?.cancel()
    for client in clients.values { end(client) }
    // Nobody answers there any more; the next start removes what stays.
    try? Files.remove(path)
  }

  private final class Client {
    let socket: UnixSocket
    var request = Data()
    var watch: EventLoop.Watch?
    var timer: EventLoop.Timer?

    init(_ socket: UnixSocket) { self.socket = socket }
  }

  private func accept() {
    guard let socket = listener.accept() else { return }
    guard clients.count < Self.connections else { return }
    let client = Client(socket)
    clients[socket.descriptor] = client
    client.watch = loop.watch(descriptor: socket.descriptor) { [weak self] in self?.read(client) }
    client.timer = loop.after(Self.patience) { [weak self] in self?.end(client) }
  }

  private func end(_ client: Client) {
    client.watch?.cancel()
    client.timer?.cancel()
    clients[client.socket.descriptor] = nil
  }

  private func read(_ client: Client) {
    guard let part = client.socket.read() else { return }
    client.request.append(part)
    guard let end = client.request.firstIndex(of: UInt8(ascii: "\n")) else {
      if part.isEmpty || client.request.count > Self.limit { self.end(client) }
      return
    }
    let reply = reply(to: client.request[..<end])
    // A client that does not wait for its answer loses it.
    if let data = try? JSON.encode(reply) { _ = client.socket.write(data + Data("\n".utf8)) }
    self.end(client)
  }

  private func reply(to line: Data) -> ControlReply {
    do {
      let request: ControlRequest = try JSON.decode(from: line, path: "request", code: .usage)
      return ControlReply(message: try answer(request))
    } catch {
      return ControlReply(error: IntrayError(error))
    }
  }
}
