import ArgumentParser
import FileKit
import Foundation
import Intake
import IntrayCore
import JobStore
import Service
import SpecFile

struct Submit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Drop a spec and its files into the daemon's inbox.",
    discussion: """
      The batch is checked first, copied, and appears in the inbox as one folder by a rename. With --wait the exit code \
      is the job's.
      """)

  @Argument(help: "The spec; its data files lie beside it.", completion: .file(extensions: ["yaml", "yml"]))
  var spec: String
  @Flag(help: "Wait for the job's end and print its result folder.")
  var wait = false
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Report: Encodable {
    var job: JobID
    var batch: String
    var folder: String?
  }

  func run() throws {
    let configuration = try configuration.read()
    let state = StateFolder(configuration.state)
    let job = try ForegroundRun(spec: spec, configuration: configuration).check()
    let last = wait ? try JobStore(readOnly: state.store).jobs(limit: 1).first?.number ?? 0 : 0
    let batch = try drop(job.spec, into: configuration.inbox)
    if !ControlClient(state: state).isRunning {
      Output.note("intrayd is not running with this configuration; the batch waits in the inbox")
    }
    guard wait else {
      if format.json { return try Output.json(Report(job: job.id, batch: batch)) }
      return print(batch)
    }
    let store = try JobStore(readOnly: state.store)
    let watch = JobWatch(store: store, state: state)
    let admitted = try watch.wait { try admission(of: job, batch: batch, since: last, store) }
    let bar = ProgressBar()
    let ended = try watch.follow(admitted.id, onLines: { _ in }, onChange: { bar.show($0.progress) })
    bar.end()
    try ended.throwUnlessDone()
    if format.json { return try Output.json(Report(job: ended.id, batch: batch, folder: ended.folder)) }
    print(ended.folder ?? "")
  }

  /// The record that the daemon made for the batch, or the earlier job that answers it; nil while there is none.
  private func admission(of job: CheckedBatch, batch: String, since last: Int, _ store: JobStore) throws -> JobRecord? {
    // While the folder is in the inbox, the daemon has not seen it.
    guard try Files.status(batch) == nil else { return nil }
    let name = URL(fileURLWithPath: batch).lastPathComponent
    let newer = try store.jobs(limit: 1000).filter { $0.number > last }
    if let record = newer.last(where: { $0.id.rawValue.hasPrefix(job.id.rawValue) || $0.name == name }) {
      return record
    }
    return job.spec.force ? nil : try store.job(job.id)
  }

  private func drop(_ job: JobSpec, into inbox: String) throws -> String {
    guard let status = try Files.status(inbox) else {
      throw IntrayError(.missing, "there is no inbox", at: .init(inbox), hint: "intrayd makes it when it starts")
    }
    let source = Files.parent(of: spec.contains("/") ? spec : "./\(spec)")
    let specName = URL(fileURLWithPath: spec).lastPathComponent
    let hidden = "\(inbox)/\(Files.temporaryName())"
    do {
      try Files.makeFolder(hidden)
      for name in Set(job.data.files.values.map(\.path)).union([specName]) {
        try Files.copy("\(source)/\(name)", to: "\(hidden)/\(name)")
        // A group that may write the inbox is the one that the daemon works for: it must be able to move the files.
        try Files.setMode("\(hidden)/\(name)", 0o600 | status.mode & 0o060)
      }
      try Files.setMode(hidden, 0o700 | status.mode & 0o2070)
      try Files.syncFolder(hidden)
      // A batch of this name may wait for the daemon.
      for number in 1...10_000 {
        let batch = "\(inbox)/\(job.name)" + (number == 1 ? "" : "-\(number)")
        if try Files.renameNoReplace(hidden, to: batch) { return batch }
      }
      throw IntrayError(.system, "10000 batches named '\(job.name)' wait in the inbox", at: .init(inbox))
    } catch {
      try? Files.remove(hidden)
      throw error
    }
  }
}
