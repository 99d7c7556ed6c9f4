import CIntrayPlugin
import FileKit
import Foundation
import IntrayCore
import Synchronization

/// The C table of a runner.
///
/// (1) A library holds exactly one runner; its table lives as long as the process.
/// (2) No Swift error and no Swift value crosses the boundary: only C.
public enum Plugin {
  private struct Exported: @unchecked Sendable {
    var runner: any Runner.Type
    var table: UnsafePointer<intray_plugin>
    var description: UnsafePointer<CChar>
  }
  private static let exported = Mutex<Exported?>(nil)

  /// The table that `intray_plugin_entry` returns.
  public static func table<R: Runner>(for runner: R.Type) -> UnsafePointer<intray_plugin>? {
    let made: Exported? = exported.withLock { exported in
      if let exported { return exported }
      guard let text = try? JSON.text(R.description), let description = strdup(text) else { return nil }
      let table = UnsafeMutablePointer<intray_plugin>.allocate(capacity: 1)
      table.initialize(
        to: intray_plugin(
          size: MemoryLayout<intray_plugin>.size, abi_major: UInt32(INTRAY_PLUGIN_ABI_MAJOR),
          abi_minor: UInt32(INTRAY_PLUGIN_ABI_MINOR),
          describe: { Plugin.exported.withLock { $0 }?.description },
          run: { host, job, error in
            guard let host, let job, let runner = Plugin.exported.withLock({ $0 })?.runner else {
              return Int32(INTRAY_FAILED.rawValue)
            }
            return Plugin.status(error) { try runner.run(RunnerJob(job.pointee), host: RunnerHost(host)) }
          },
          plan: runner is any PlanningRunner.Type
            ? { host, job, error in
              guard let host, let job,
                let runner = Plugin.exported.withLock({ $0 })?.runner as? any PlanningRunner.Type
              else { return Int32(INTRAY_FAILED.rawValue) }
              return Plugin.status(error) {
                let job = try RunnerJob(job.pointee)
                let plan = try runner.plan(job, host: RunnerHost(host))
                try Files.publish(JSON.encode(plan, pretty: true), to: job.output(JobPlan.fileName))
              }
            } : nil))
      exported = Exported(runner: runner, table: table, description: description)
      return exported
    }
    return made?.table
  }

  /// What the C function returns for what `work` did, and its error in C.
  private static func status(_ report: UnsafeMutablePointer<intray_error>?, _ work: () throws -> Void) -> Int32 {
    do {
      try work()
      return Int32(INTRAY_OK.rawValue)
    } catch is StopRequested {
      return Int32(INTRAY_STOPPED.rawValue)
    } catch {
      let error = IntrayError(error)
      if let report {
        report.pointee.transient = error.isTransient ? 1 : 0
        copy(error.code.rawValue, to: &report.pointee.code)
        copy(
          [error.location?.description, error.message].compactMap(\.self).joined(separator: ": "),
          to: &report.pointee.message)
        copy(error.hint ?? "", to: &report.pointee.hint)
      }
      return Int32(INTRAY_FAILED.rawValue)
    }
  }

  /// Writes a NUL-terminated string into a C array, cut between characters where it is too long.
  private static func copy<Array>(_ text: String, to array: inout Array) {
    withUnsafeMutableBytes(of: &array) { bytes in
      var end = 0
      for character in text where character != "\0" {
        guard end + character.utf8.count < bytes.count else { break }
        for byte in character.utf8 {
          bytes[end] = byte
          end += 1
        }
      }
      bytes[end] = 0
    }
  }
}

extension RunnerJob {
  init(_ job: intray_job) throws {
    self.init(
      spec: try JSON.decode(from: String(cString: job.spec), path: "spec", code: .bug),
      inputFolder: String(cString: job.input_dir), outputFolder: String(cString: job.output_dir),
      workFolder: String(cString: job.work_dir), modelsFolder: String(cString: job.models_dir),
      attempt: Int(job.attempt), threads: Int(max(1, job.threads)))
  }
}
