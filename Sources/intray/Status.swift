import ArgumentParser
import Foundation
import IntrayCore
import JobStore
import Service
import SpecFile

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the jobs, or show one of them.",
    discussion: "A job is named by its id, the beginning of its id, or its name; of several, the newest counts.")

  @Argument(help: "A job.")
  var job: String?
  @Option(help: ArgumentHelp("How many jobs to list, the newest first.", valueName: "n"))
  var limit = 20
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Report: Encodable {
    var isRunning: Bool
    var counts: [String: Int]
    var jobs: [JobRecord]
  }

  func validate() throws {
    guard (0...1_000_000).contains(limit) else { throw ValidationError("--limit must be from 0 to 1000000") }
  }

  func run() throws {
    let configuration = try configuration.read()
    let state = StateFolder(configuration.state)
    let store = try JobStore(readOnly: state.store)
    if let job { return try show(try store.job(matching: job), state) }
    let isRunning = ControlClient(state: state).isRunning
    let jobs = try store.jobs(limit: limit)
    let counts = try store.counts()
    if format.json {
      let named = Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) })
      return try Output.json(Report(isRunning: isRunning, counts: named, jobs: jobs))
    }
    let total = JobState.allCases.compactMap { state in counts[state].map { "\($0) \(state.rawValue)" } }
    print(
      (isRunning ? "intrayd is running" : "intrayd is not running")
        + (total.isEmpty ? "; no jobs yet" : ": \(total.joined(separator: ", "))"))
    if jobs.isEmpty { return }
    print()
    Output.table(
      ["JOB", "NAME", "RUNNER", "STATE", "", "WHEN", ""],
      jobs.map { job in
        [
          String(job.id.rawValue.prefix(8)), job.name, job.runner, job.state.rawValue, progress(job), when(job),
          note(job),
        ]
      })
  }

  private func show(_ job: JobRecord, _ state: StateFolder) throws {
    if format.json { return try Output.json(job) }
    func time(_ date: Date?) -> String? { date.map { Output.time($0, "%F %T %z") } }
    let lines: [(String, String?)] = [
      ("job", job.id.rawValue), ("name", job.name), ("runner", "\(job.runner) \(job.version)"),
      ("state", "\(job.state.rawValue) \(progress(job))"), ("attempts", "\(job.attempts)"),
      ("held", job.isHeld ? "until `intray release`" : nil), ("priority", job.spec.map { "\($0.priority)" }),
      ("planned memory", job.plannedMemory.map(Output.size)), ("dropped", time(job.created)),
      ("started", time(job.started)), ("finished", time(job.finished)),
      ("next attempt", time(job.nextAttempt)), ("folder", job.folder), ("log", job.log(in: state)),
      ("error", job.error?.description),
    ]
    Output.pairs(lines.compactMap { name, value in value.map { (name, $0) } })
    if let metrics = job.progress?.metrics, !metrics.isEmpty { Output.pairs(Metrics.pairs(.object(metrics))) }
  }

  private func progress(_ job: JobRecord) -> String {
    guard !job.state.isFinal, let progress = job.progress else { return "" }
    return "\(Int(progress.fraction * 100))%"
  }

  private func when(_ job: JobRecord) -> String {
    Output.time(job.finished ?? job.started ?? job.created, "%F %T")
  }

  /// What a person wants to know next: where the result is, or why there is none.
  private func note(_ job: JobRecord) -> String {
    switch job.state {
    case .done: job.folder ?? ""
    case .rejected, .waiting, .publishing: job.error?.description ?? job.folder ?? ""
    case .queued: job.isHeld ? "held" : ""
    case .running, .cancelled: ""
    }
  }
}
