import Foundation
import IntrayCore
import PluginHost
import TestSupport
import Testing
import WorkerLink

/// A job's folders, and workers that run it.
final class Workbench {
  static let worker = "\(Checkout.products)/intray-worker"

  let folder: TemporaryFolder
  let plugin: String
  var spec: JobSpec
  var threads = 1

  var input: String { "\(folder.path)/input" }
  var output: String { "\(folder.path)/output" }
  var work: String { "\(folder.path)/work" }
  var models: String

  init(plugin: String, spec: JobSpec) throws {
    folder = try TemporaryFolder()
    self.plugin = plugin
    self.spec = spec
    models = "\(folder.path)/models"
    for name in ["input", "output", "work", "models"] {
      try FileManager.default.createDirectory(atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
    }
  }

  struct Attempt {
    var exit: WorkerExit?
    var messages: [WorkerMessage] = []

    var error: IntrayError? { if case .failed(let error)? = exit { error } else { nil } }
    var lines: [LogLine] { messages.compactMap { if case .log(let line) = $0 { line } else { nil } } }
    var reports: [ProgressReport] { messages.compactMap { if case .progress(let report) = $0 { report } else { nil } } }
    var checkpoints: Int { messages.count { $0 == .checkpointSaved } }
  }

  func task(attempt: Int = 1) -> WorkerTask {
    WorkerTask(
      plugin: plugin, spec: spec, inputFolder: input, outputFolder: output, workFolder: work, modelsFolder: models,
      attempt: attempt, threads: threads)
  }

  /// The plan of the job.
  func plan() throws -> JobPlan {
    #expect(try run(to: .plan).exit == .finished)
    return try JobPlan.read(from: output)
  }

  /// One attempt, or the plan, to its end.
  /// - Parameters:
  ///   - delay: after this time, `meddle` is called;
  ///   - checkpoints: the time begins once the plugin runs and has saved so many; nil: with the process.
  ///   - onMessage: called with each message.
  func run(
    to mode: WorkerProcess.Mode = .run, attempt: Int = 1, after delay: Duration? = nil, checkpoints: Int? = nil,
    meddle: @escaping (WorkerProcess) -> Void = { $0.kill() },
    onMessage: @escaping (WorkerProcess, WorkerMessage) -> Void = { _, _ in }
  ) throws -> Attempt {
    let loop = EventLoop()
    var result = Attempt()
    var worker: WorkerProcess?
    var isWaiting = false
    let process = try WorkerProcess.start(
      task(attempt: attempt), to: mode, worker: Self.worker, on: loop,
      onMessage: {
        result.messages.append($0)
        guard let worker else { return }
        onMessage(worker, $0)
        if let delay, result.checkpoints == checkpoints, !isWaiting {
          isWaiting = true
          loop.after(delay) { meddle(worker) }
        }
      },
      onExit: {
        #expect(result.exit == nil)
        result.exit = $0
        loop.stop()
      })
    worker = process
    if let delay, checkpoints == nil { loop.after(delay) { meddle(process) } }
    loop.after(.seconds(120)) {
      Issue.record("the worker does not end")
      process.kill()
    }
    try loop.run()
    return result
  }

  /// All files under a folder and their content.
  static func content(_ folder: String) throws -> [String: Data] {
    var content: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
      var isFolder: ObjCBool = false
      let path = "\(folder)/\(name)"
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else { continue }
      content[name] = try Data(contentsOf: URL(fileURLWithPath: path))
    }
    return content
  }
}

/// The system's C compiler, for plugins made while testing.
enum Compiler {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static let headers = "\(Checkout.root)/Sources/CIntrayPlugin/include"

  /// The first of these programs that is installed.
  static func find(_ names: [String]) throws -> String {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
    for name in names {
      for folder in folders where access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
    }
    throw Failure(description: "none of \(names) is installed")
  }

  static func run(_ program: String, _ arguments: [String]) throws {
    let loop = EventLoop()
    var failure: Failure?
    _ = try ChildProcess(
      program, arguments, output: .standardOutput, on: loop, onOutput: { _ in },
      onExit: { end, errors in
        if end != .exited(0) { failure = Failure(description: "\(program): \(end): \(errors)") }
        loop.stop()
      })
    try loop.run()
    if let failure { throw failure }
  }
}

/// The bad plugins of `Tests/Fixtures/plugins`, compiled once.
enum BadPlugins {
  private static let compiled = Result {
    let folder = try TemporaryFolder()
    let compiler = try Compiler.find(["cc", "gcc", "clang"])
    let sources = Checkout.fixture("plugins")
    for source in try FileManager.default.contentsOfDirectory(atPath: sources) where source.hasSuffix(".c") {
      let name = String(source.dropLast(2))
      try Compiler.run(
        compiler,
        [
          "-std=gnu11", "-O1", "-Wall", "-Wno-infinite-recursion", "-shared", "-fPIC", "-pthread",
          "-DNAME=\"\(name)\"", "-I", Compiler.headers, "\(sources)/\(source)", "-o", "\(folder.path)/\(file(name))",
        ])
    }
    return folder
  }

  /// The folder of the libraries. It lives as long as the tests.
  static func folder() throws -> String { try compiled.get().path }

  static func file(_ name: String) -> String { "lib\(name.prefix(1).uppercased())\(name.dropFirst()).so" }

  static func path(_ name: String) throws -> String { "\(try folder())/\(file(name))" }

  static func workbench(_ name: String) throws -> Workbench {
    try Workbench(plugin: path(name), spec: JobSpec(name: "bad", run: name, data: JobData()))
  }
}
