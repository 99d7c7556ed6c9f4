import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox
import Service
import TestSupport
import Testing

/// A real intrayd on folders of its own, with the plugins that were built with the tests.
final class DaemonProcess: @unchecked Sendable {
  let folder: TemporaryFolder
  let state: StateFolder
  private var process: TestProcess?
  private var log = ""
  private var starts = 0

  var inbox: String { "\(folder.path)/inbox" }
  var outbox: String { "\(folder.path)/outbox" }

  /// - Parameter settings: Lines of intray.yaml in place of the quick ones.
  init(_ settings: String = "") throws {
    folder = try TemporaryFolder(isSmall: true)
    state = StateFolder("\(folder.path)/state")
    try configure(settings)
    try Files.makeFolder(inbox)
  }

  deinit { kill() }

  func configure(_ settings: String) throws {
    var lines = ["inbox: inbox", "outbox: outbox", "state: state"]
    for (key, value) in [
      ("plugins", Checkout.products), ("settle", "50ms"), ("backoff", "20ms"), ("disk_floor", "0KiB"),
    ] {
      if !settings.contains("\(key):") { lines.append("\(key): \(value)") }
    }
    try folder.write((lines + [settings]).joined(separator: "\n") + "\n", to: "intray.yaml")
  }

  // MARK: - The process

  var pid: Int32 { process?.processIdentifier ?? -1 }

  var isRunning: Bool { process?.isRunning ?? false }

  /// What it has said, over all starts.
  var said: String {
    (1...max(starts, 1)).compactMap { try? String(contentsOfFile: "\(folder.path)/log-\($0)", encoding: .utf8) }
      .joined()
  }

  func launch(environment: [String: String] = [:]) throws {
    starts += 1
    let path = try folder.write("", to: "log-\(starts)")
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    let process = TestProcess(
      "\(Checkout.products)/intrayd", ["--config", "\(folder.path)/intray.yaml"],
      environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
    try process.run(output: handle, errors: handle)
    self.process = process
  }

  /// Launches it and waits until it answers.
  @discardableResult func start(environment: [String: String] = [:]) async throws -> DaemonProcess {
    try launch(environment: environment)
    let client = ControlClient(state: state)
    try await wait("the daemon answers") { client.isRunning }
    return self
  }

  func kill() {
    guard let process, process.isRunning else { return }
    process.send(SIGKILL)
    process.waitUntilExit()
  }

  /// SIGTERM; the exit status.
  func stop() async throws -> Int32 {
    guard let process else { return -1 }
    process.send(SIGTERM)
    try await wait("the daemon ends") { !process.isRunning }
    return process.terminationStatus
  }

  func signal(_ number: Int32) { process?.send(number) }

  /// Does what must come in time on a thread of its own: the tests share a few threads, and each may have to wait there.
  func promptly<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
  }

  /// The workers of this daemon's jobs: processes that have a file below its work folder open.
  func workers() -> [Int32] {
    ((try? Files.list("/proc")) ?? []).compactMap(Int32.init).filter { pid in
      pid != getpid() && pid != self.pid
        && ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []).contains { file in
          let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(file)")
          return link?.hasPrefix("\(state.work)/") ?? false
        }
    }
  }

  // MARK: - The inbox

  /// Drops files as a careful person would: written aside, moved in.
  func drop(_ files: [(name: String, text: String)]) throws {
    for (name, text) in files { try drop(name, Data(text.utf8)) }
  }

  func drop(_ name: String, _ data: Data) throws {
    let aside = try folder.write(data, to: "aside-\(UUID().uuidString)")
    try Files.rename(aside, to: "\(inbox)/\(name)")
  }

  /// An Echo batch of one spec and one file.
  func dropEcho(
    _ name: String = "papers", text: String = "id\n1\n", repeat count: Int = 1, delay: Int = 0, fail: String = "none",
    more: String = ""
  ) throws {
    let spec = """
      run: echo
      data: {input: \(name).csv}
      with: {repeat: \(count), delay_ms: \(delay), fail: \(fail)}
      \(more)
      """
    try drop([("\(name).csv", text), ("\(name).yaml", spec)])
  }

  // MARK: - What came of it

  /// Waits for a condition; fails with what the daemon said when it does not come true.
  func wait(_ what: String, seconds: Double = 60, _ condition: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try !condition() {
      guard ContinuousClock.now < deadline else {
        throw IntrayError(.bug, "not within \(seconds) s: \(what). The daemon said:\n\(said)")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  func waitForResult(_ name: String = "papers", seconds: Double = 60) async throws -> String {
    let path = "\(outbox)/\(name)"
    try await wait("\(name) is in the outbox", seconds: seconds) { try Files.status(path) != nil }
    return path
  }

  /// The text of reason.txt.
  func waitForRejection(_ name: String = "papers") async throws -> String {
    let path = "\(state.rejected)/\(name)/reason.txt"
    try await wait("\(name) is rejected") { try Files.status(path) != nil }
    return String(decoding: try Files.read(path), as: UTF8.self)
  }

  func waitForState(_ wanted: JobState, of name: String = "papers") async throws {
    try await wait("\(name) is \(wanted.rawValue)") { try self.job(name)?.state == wanted }
  }

  func job(_ name: String = "papers") throws -> JobRecord? {
    guard try Files.status(state.store) != nil else { return nil }
    return try? JobStore(readOnly: state.store).job(matching: name)
  }

  /// The folder holds the whole result of one job: all files as the manifest says.
  func expectWhole(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(throws: Never.self, sourceLocation: sourceLocation) {
      try Manifest.read(folder: path).verify(folder: path)
    }
  }

  /// The store and the disk say the same, as `intray fsck` sees it.
  func expectAgreement(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let found = try await promptly { [state, outbox] in
      let outbox = Outbox(folder: outbox, models: "\(state.path)/models")
      let client = ControlClient(state: state)
      return try StateCheck(state: state, outbox: outbox).disagreements { client.isRunning }
    }
    #expect(found == [], sourceLocation: sourceLocation)
  }

  /// Nothing of a job that has come to its end is left anywhere but in its folder.
  func expectTidy(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    try await wait("nothing is left in work and claims") {
      try Files.list(state.work) == [] && Files.list(state.claims) == []
    }
    for path in [outbox, state.rejected, inbox] {
      #expect(try Files.list(path).filter { $0.hasPrefix(".") } == [], sourceLocation: sourceLocation)
    }
  }
}
