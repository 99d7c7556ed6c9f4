import CIntrayPlugin
import CLinux
import Foundation
import IntrayCore
import WorkerLink

/// A plugin in this process. Only `intray-worker` makes one: the daemon never loads a plugin.
///
/// (1) The library is never unloaded: code and threads of it may still be running (dlclose crashes later).
/// (2) Nothing of the table is used before its size and its ABI version are known to be right.
/// (3) A pointer that the plugin passes is not trusted further than C allows: lengths are bounded, UTF-8 is repaired.
public final class LoadedPlugin {
  public let path: String
  private let describeFunction: @convention(c) () -> UnsafePointer<CChar>?
  private let runFunction: JobFunction
  /// Nil when the table ends before it, or has none.
  private let planFunction: JobFunction?

  private typealias JobFunction =
    @convention(c) (UnsafePointer<intray_host>?, UnsafePointer<intray_job>?, UnsafeMutablePointer<intray_error>?)
    -> Int32

  /// The longest description, in bytes.
  static let descriptionLimit = 512 << 10

  /// Loads the library and checks its table.
  /// - Throws: `IntrayError(.plugin)` that says what does not fit and what to do.
  public init(_ path: String) throws {
    self.path = path
    let location = IntrayError.Location(path)
    guard access(path, F_OK) == 0 else { throw IntrayError(.plugin, "no such plugin", at: location) }
    // A name without a slash would be looked up in the library path.
    let file = path.contains("/") ? path : "./\(path)"
    guard let library = dlopen(file, RTLD_NOW | RTLD_LOCAL) else {
      throw IntrayError(
        .plugin, "cannot be loaded: \(Self.loaderError)", at: location,
        hint: "a plugin is a shared library for this machine, with all its own libraries installed")
    }
    guard let symbol = dlsym(library, INTRAY_PLUGIN_ENTRY) else {
      throw IntrayError(
        .plugin, "exports no function \(INTRAY_PLUGIN_ENTRY)", at: location,
        hint: "a plugin defines it with C linkage and default visibility; see intray_plugin.h")
    }
    guard let table = unsafeBitCast(symbol, to: intray_plugin_entry_function.self)() else {
      throw IntrayError(.plugin, "\(INTRAY_PLUGIN_ENTRY) returned NULL", at: location)
    }
    try Self.checkHead(UnsafeRawPointer(table), location)
    guard let describe = table.pointee.describe else {
      throw IntrayError(.plugin, "its table has no function 'describe'", at: location)
    }
    guard let run = table.pointee.run else {
      throw IntrayError(.plugin, "its table has no function 'run'", at: location)
    }
    describeFunction = describe
    runFunction = run
    planFunction = table.pointee.size >= Self.size(ofMinor: 1) ? table.pointee.plan : nil
  }

  /// How many bytes the table of ABI 1.`minor` has.
  private static func size(ofMinor minor: UInt32) -> Int {
    let whole = MemoryLayout<intray_plugin>.size
    return minor >= 1 ? whole : MemoryLayout<intray_plugin>.offset(of: \.plan) ?? whole
  }

  private static var loaderError: String { dlerror().map { String(cString: $0) } ?? "no reason given" }

  /// Size and version, before the rest of the table is believed.
  private static func checkHead(_ table: UnsafeRawPointer, _ location: IntrayError.Location) throws {
    let size = table.load(as: Int.self)
    let whole = MemoryLayout<intray_plugin>.size
    let head = MemoryLayout<intray_plugin>.offset(of: \.describe) ?? whole
    guard size >= head else {
      throw IntrayError(
        .plugin, "its table's size is \(size) bytes; the ABI's table has \(whole)", at: location,
        hint: "set 'size' to sizeof(intray_plugin)")
    }
    let (major, minor) = (
      table.load(fromByteOffset: MemoryLayout<intray_plugin>.offset(of: \.abi_major) ?? 0, as: UInt32.self),
      table.load(fromByteOffset: MemoryLayout<intray_plugin>.offset(of: \.abi_minor) ?? 0, as: UInt32.self)
    )
    guard major == INTRAY_PLUGIN_ABI_MAJOR else {
      throw IntrayError(
        .plugin, "abi_major is \(major), this Intray has \(INTRAY_PLUGIN_ABI_MAJOR)", at: location,
        hint: "rebuild the plugin with the intray_plugin.h of this Intray")
    }
    guard minor <= INTRAY_PLUGIN_ABI_MINOR else {
      throw IntrayError(
        .plugin, "abi_minor is \(minor), this Intray has \(INTRAY_PLUGIN_ABI_MINOR)", at: location,
        hint: "update Intray, or rebuild the plugin with the intray_plugin.h of this Intray")
    }
    let promised = Self.size(ofMinor: minor)
    guard size >= promised else {
      throw IntrayError(
        .plugin, "its table's size is \(size) bytes; the table of ABI \(major).\(minor) has \(promised)", at: location,
        hint: "set 'size' to sizeof(intray_plugin)")
    }
  }

  /// What the plugin says about itself.
  /// - Throws: `IntrayError(.plugin)` when that is not what the ABI asks for.
  public func describe() throws -> RunnerDescription {
    let location = IntrayError.Location(path)
    guard let text = describeFunction() else {
      throw IntrayError(.plugin, "describe() returned NULL", at: location)
    }
    let length = strnlen(text, Self.descriptionLimit + 1)
    guard length <= Self.descriptionLimit else {
      throw IntrayError(.plugin, "describe() returned more than \(Self.descriptionLimit) bytes", at: location)
    }
    var description: RunnerDescription
    do {
      description = try JSON.decode(from: Data(bytes: text, count: length), path: path, code: .plugin)
    } catch let error as IntrayError {
      throw IntrayError(.plugin, "describe(): \(error.message)", at: location)
    }
    try Self.check(description, location)
    return description
  }

  private static func check(_ description: RunnerDescription, _ location: IntrayError.Location) throws {
    func refuse(_ reason: String) -> IntrayError { IntrayError(.plugin, "describe(): \(reason)", at: location) }
    guard RunnerName.isValid(description.name) else {
      throw refuse("'\(description.name.prefix(100))' is no name for a runner: \(RunnerName.rule)")
    }
    guard !description.version.isEmpty, description.version.utf8.count <= 64 else {
      throw refuse("the version must have 1 to 64 bytes")
    }
    for (role, file) in description.data.sorted(by: { $0.key < $1.key }) {
      guard RunnerName.isValid(role), role != "columns" else { throw refuse("'\(role)' is no name for a file's role") }
      for column in file.columns where !["id", "text", "label"].contains(column) {
        throw refuse("role '\(role)' needs a column '\(column)'; known: id, label, text")
      }
    }
    guard let schema = description.parameters.object else {
      throw refuse("'parameters' is not a JSON Schema but \(description.parameters.typeName)")
    }
    guard schema["type"]?.string == "object" else {
      throw refuse("the schema of 'parameters' must have \"type\": \"object\"")
    }
    if let properties = schema["properties"] {
      guard let members = properties.object, members.values.allSatisfy({ $0.object != nil }) else {
        throw refuse("'properties' of 'parameters' must be an object of schemas")
      }
    }
  }

  /// Runs one job to its end, on this thread. To be called once in a process.
  /// - Parameters:
  ///   - send: gets log lines, progress and checkpoints, on any thread; what the plugin sends after its end as well.
  ///   - shouldStop: asked on any thread.
  /// - Returns: the final message.
  public func run(
    _ task: WorkerTask, send: @escaping @Sendable (WorkerMessage) -> Void,
    shouldStop: @escaping @Sendable () -> Bool
  ) throws -> WorkerMessage {
    try call(runFunction, "run()", task, send: send, shouldStop: shouldStop)
  }

  /// Whether the runner can say what a job would take.
  public var canPlan: Bool { planFunction != nil }

  /// Has the plugin plan a job: what it would take is then in `JobPlan.fileName` of the output folder. On this thread,
  /// once in a process.
  /// - Returns: the final message.
  /// - Throws: `IntrayError(.unavailable)` when this runner cannot plan.
  public func plan(
    _ task: WorkerTask, send: @escaping @Sendable (WorkerMessage) -> Void,
    shouldStop: @escaping @Sendable () -> Bool
  ) throws -> WorkerMessage {
    guard let planFunction else {
      throw IntrayError(
        .unavailable, "the runner '\(task.spec.run)' cannot plan: its plugin has no function 'plan'",
        hint: "`intray validate` checks a spec without it; a plugin that plans is built for ABI 1.1 or later")
    }
    let last = try call(planFunction, "plan()", task, send: send, shouldStop: shouldStop)
    guard last == .finished else { return last }
    do {
      _ = try JobPlan.read(from: task.outputFolder)
    } catch {
      return .failed(FailureReport(IntrayError(.plugin, "plan(): \(IntrayError(error).message)", at: .init(path))))
    }
    return .finished
  }

  private func call(
    _ function: JobFunction, _ name: String, _ task: WorkerTask, send: @escaping @Sendable (WorkerMessage) -> Void,
    shouldStop: @escaping @Sendable () -> Bool
  ) throws -> WorkerMessage {
    let spec = try JSON.text(task.spec)
    let calls = HostCalls(send: send, shouldStop: shouldStop)
    var report = intray_error()
    report.size = MemoryLayout<intray_error>.size
    let status = spec.withCString { spec in
      task.inputFolder.withCString { input in
        task.outputFolder.withCString { output in
          task.workFolder.withCString { work in
            task.modelsFolder.withCString { models in
              var host = calls.table()
              var job = intray_job(
                size: MemoryLayout<intray_job>.size, spec: spec, input_dir: input, output_dir: output, work_dir: work,
                models_dir: models, attempt: UInt32(clamping: max(1, task.attempt)),
                threads: UInt32(clamping: max(1, task.threads)))
              return function(&host, &job, &report)
            }
          }
        }
      }
    }
    switch status {
    case Int32(INTRAY_OK.rawValue): return .finished
    case Int32(INTRAY_STOPPED.rawValue) where shouldStop(): return .stopped
    case Int32(INTRAY_STOPPED.rawValue):
      return .failed(
        FailureReport(
          IntrayError(.plugin, "\(name) returned INTRAY_STOPPED, but nobody asked it to stop", at: .init(path))))
    case Int32(INTRAY_FAILED.rawValue): return .failed(Self.failure(report, name, path))
    default:
      return .failed(
        FailureReport(
          IntrayError(.plugin, "\(name) returned \(status), which is no intray_status", at: .init(path))))
    }
  }

  private static func failure(_ report: intray_error, _ name: String, _ path: String) -> FailureReport {
    let code = text(of: report.code)
    let message = text(of: report.message)
    let hint = text(of: report.hint)
    if message.isEmpty {
      return FailureReport(
        code: IntrayError.Code.plugin.rawValue, message: "\(path): \(name) failed and did not say why",
        isTransient: report.transient != 0)
    }
    return FailureReport(
      code: code.isEmpty ? IntrayError.Code.plugin.rawValue : code, message: message, hint: hint.isEmpty ? nil : hint,
      isTransient: report.transient != 0)
  }

  /// The text in a C array, which may lack its NUL.
  private static func text<Array>(of array: Array) -> String {
    withUnsafeBytes(of: array) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

/// The names of runners and file roles.
enum RunnerName {
  static let rule = "small letters, digits, '-' and '_', at most 64, a letter first"

  static func isValid(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard let first = bytes.first, bytes.count <= 64, isLetter(first) else { return false }
    return bytes.allSatisfy {
      isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
        || $0 == UInt8(ascii: "_")
    }
  }

  /// `libFinetune.so` for `finetune`.
  static func file(_ name: String) -> String { "lib\(name.prefix(1).uppercased())\(name.dropFirst()).so" }

  /// Whether a runner may lie in a file of this name. A folder of plugins may hold other libraries as well.
  static func isFile(_ name: String) -> Bool {
    guard name.hasPrefix("lib"), name.hasSuffix(".so") else { return false }
    let stem = name.dropFirst(3).dropLast(3)
    let runner = stem.prefix(1).lowercased() + stem.dropFirst()
    return isValid(runner) && file(runner) == name
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
}
