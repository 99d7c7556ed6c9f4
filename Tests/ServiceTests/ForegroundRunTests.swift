import FileKit
import Foundation
import IntrayCore
import Outbox
import Service
import SpecFile
import TestSupport
import Testing

@Suite struct ForegroundRunTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder(isSmall: true)
    try folder.write("id\n1\n", to: "mine/a.csv")
    try folder.write("private", to: "mine/other.txt")
  }

  private func spec(_ with: String = "{}", more: String = "") throws {
    try folder.write("run: echo\ndata: {input: a.csv}\nwith: \(with)\n\(more)\n", to: "mine/papers.yaml")
  }

  private func run(onEvent: (ForegroundRun, ForegroundRun.Event) -> Void = { _, _ in }) throws -> ForegroundRun.Result {
    var configuration = try Configuration(folder: folder.path)
    configuration.plugins = Checkout.products
    configuration.backoff = .milliseconds(5)
    let run = try ForegroundRun(
      spec: "\(folder.path)/mine/papers.yaml", configuration: configuration, outbox: "\(folder.path)/results",
      worker: "\(Checkout.products)/intray-worker", stopOn: [])
    return try withoutActuallyEscaping(onEvent) { onEvent in try run.run { onEvent(run, $0) } }
  }

  private var leftovers: [String] { get throws { try Files.list("\(folder.path)/.intray/foreground/work") } }

  @Test func `a job runs without the daemon, and the files stay where they are`() throws {
    try spec("{repeat: 2}")
    var fractions: [Double] = []
    let result = try run { _, event in if case .progress(let progress) = event { fractions.append(progress.fraction) } }
    #expect(result == .init(folder: "\(folder.path)/results/papers", isEarlier: false))
    try Manifest.read(folder: result.folder).verify(folder: result.folder)
    #expect(try Files.list("\(result.folder)/input") == ["a.csv", "papers.yaml"])
    #expect(fractions.last == 1)
    #expect(try Files.list("\(folder.path)/mine") == ["a.csv", "other.txt", "papers.yaml"])
    #expect(try leftovers == [])
  }

  @Test func `the same job is not run twice unless it is forced`() throws {
    try spec()
    let first = try run()
    #expect(try run() == .init(folder: first.folder, isEarlier: true))
    try spec(more: "force: true")
    #expect(try run() == .init(folder: "\(first.folder)-2", isEarlier: false))
    try Data().write(to: URL(fileURLWithPath: "\(first.folder)/a.csv"))
    try Data().write(to: URL(fileURLWithPath: "\(first.folder)-2/a.csv"))
    try spec()
    #expect(try run() == .init(folder: "\(first.folder)-3", isEarlier: false))
  }

  @Test func `a spec that is not there is named with its folder`() throws {
    let error = #expect(throws: IntrayError.self) { try run() }
    #expect(error.map { "\($0)" } == "\(folder.path)/mine/papers.yaml: there is no such spec")
    #expect(error?.code == .missing)
  }

  @Test func `a failure is thrown, and nothing is left`() throws {
    try spec("{fail: permanent}")
    #expect { try run() } throws: { "\($0)" == "the spec asks to fail; set 'fail: none'" }
    #expect(try leftovers == [])
    #expect(try Files.status("\(folder.path)/.intray/rejected") == nil)
    try spec("{repeet: 2}")
    #expect { try run() } throws: { "\($0)".hasPrefix("papers.yaml:3:8: unknown key 'repeet'") }
  }

  @Test func `a crash is retried, and said`() throws {
    try spec("{fail: first_attempt}")
    var attempts: [Int] = []
    var failures = 0
    _ = try run { _, event in
      if case .started(let attempt) = event { attempts.append(attempt) }
      if case .attemptFailed = event { failures += 1 }
    }
    #expect(attempts == [1, 2] && failures == 1)
  }

  @Test func `a stopped run goes on from its checkpoint`() throws {
    try spec("{repeat: 4, delay_ms: 200}")
    var isStopped = false
    #expect {
      try run { run, event in
        guard case .progress = event, !isStopped else { return }
        isStopped = true
        run.stop()
      }
    } throws: { ($0 as? IntrayError)?.code == .cancelled }
    #expect(try leftovers.count == 1)
    var lines: [String] = []
    let result = try run { _, event in if case .log(let line) = event { lines.append(line.message) } }
    #expect(lines.contains("going on from the checkpoint"))
    #expect(try Files.read("\(result.folder)/a.csv") == Data("id\n1\nid\n1\nid\n1\nid\n1\n".utf8))
    #expect(try leftovers == [])
  }
}
