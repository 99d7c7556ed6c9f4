import Foundation
import IntrayCore
import Testing
import WorkerLink

@Suite("Worker channel")
struct WorkerChannelTests {
  /// Both ends of a channel in one process.
  private final class Link {
    let channel: WorkerChannel
    private let frames: (reading: FileHandle, writing: FileHandle)
    private let lifeline: (reading: FileHandle, writing: FileHandle)
    private var decoder = FrameDecoder()

    init() throws {
      // SIGPIPE's default would end the tests, as it would a worker.
      signal(SIGPIPE, SIG_IGN)
      let (first, second) = (Pipe(), Pipe())
      frames = (first.fileHandleForReading, first.fileHandleForWriting)
      lifeline = (second.fileHandleForReading, second.fileHandleForWriting)
      let gone = DispatchSemaphore(value: 0)
      self.gone = gone
      channel = try WorkerChannel(
        descriptor: frames.writing.fileDescriptor, lifeline: lifeline.reading.fileDescriptor,
        onHostGone: { gone.signal() })
    }

    private let gone: DispatchSemaphore

    /// The next message, waited for.
    func receive() throws -> WorkerMessage? {
      while true {
        if let body = try decoder.next() { return try JSON.decode(from: body, path: "frame") }
        let bytes = frames.reading.availableData
        if bytes.isEmpty { return nil }
        bytes.withUnsafeBytes { decoder.append($0) }
      }
    }

    func closeLifeline() throws { try lifeline.writing.close() }
    func closeReader() throws { try frames.reading.close() }

    func waitUntilHostIsGone() -> Bool { gone.wait(timeout: .now() + 30) == .success }
  }

  @Test("Messages arrive in order, and nothing after the final one")
  func order() throws {
    let link = try Link()
    link.channel.send(.started(runner: "r", version: "1"))
    link.channel.send(.checkpointSaved)
    link.channel.send(.finished)
    link.channel.send(.log(LogLine(level: .info, message: "too late")))
    #expect(try link.receive() == .started(runner: "r", version: "1"))
    #expect(try link.receive() == .checkpointSaved)
    #expect(try link.receive() == .finished)
    try link.closeLifeline()
    #expect(link.waitUntilHostIsGone())
  }

  @Test("The last report arrives though the sender says nothing more")
  func heldBack() throws {
    let link = try Link()
    for done in 1...3 { link.channel.send(.progress(ProgressReport(done: Double(done), total: 3))) }
    #expect(try link.receive() == .progress(ProgressReport(done: 1, total: 3)))
    // Sent by the channel itself when its time has come; the test would hang here otherwise.
    #expect(try link.receive() == .progress(ProgressReport(done: 3, total: 3)))
    try link.closeLifeline()
    #expect(link.waitUntilHostIsGone())
  }

  @Test("Messages of many threads are never mixed")
  func threads() throws {
    let link = try Link()
    let text = String(repeating: "x", count: 5000)
    for thread in 0..<4 {
      Thread.detachNewThread { [channel = link.channel] in
        for index in 0..<20 { channel.send(.log(LogLine(level: .info, message: "\(thread) \(index) \(text)"))) }
      }
    }
    var counts: [Substring: Int] = [:]
    for _ in 0..<80 {
      guard case .log(let line)? = try link.receive() else {
        Issue.record("no log line")
        return
      }
      counts[line.message.prefix(1), default: 0] += 1
    }
    #expect(counts == ["0": 20, "1": 20, "2": 20, "3": 20])
    try link.closeLifeline()
    #expect(link.waitUntilHostIsGone())
  }

  @Test("The end of the lifeline is the end of the host")
  func lifeline() throws {
    let link = try Link()
    try link.closeLifeline()
    #expect(link.waitUntilHostIsGone())
  }

  @Test("A host that does not read any more is gone as well")
  func brokenPipe() throws {
    let link = try Link()
    try link.closeReader()
    link.channel.send(.checkpointSaved)
    #expect(link.waitUntilHostIsGone())
    try link.closeLifeline()
    #expect(link.waitUntilHostIsGone())
  }
}
