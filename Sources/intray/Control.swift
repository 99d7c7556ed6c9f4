import ArgumentParser
import Foundation
import IntrayCore
import JobStore
import Service
import SpecFile

struct Cancel: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "End a job that waits or runs; its files are kept with the rejected ones.")

  @OptionGroup var request: JobRequest

  func run() throws { try request.send(.cancel) }
}

struct Retry: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a rejected or cancelled batch again, or a waiting job at once.")

  @OptionGroup var request: JobRequest

  func run() throws { try request.send(.retry) }
}

struct Hold: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Keep a job from starting, or the whole queue.",
    discussion: "A job that runs saves its state first. Without a job nothing starts any more; what runs goes on.")

  @OptionGroup var request: JobOrQueueRequest

  func run() throws { try request.send(.hold) }
}

struct Release: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Let go what `intray hold` keeps.")

  @OptionGroup var request: JobOrQueueRequest

  func run() throws { try request.send(.release) }
}

struct Purge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Forget jobs that have come to their end, and remove their results and files for ever.",
    discussion: """
      With --older-than it takes all that ended before; --dry-run shows them first. The configuration's `keep` does the \
      same from time to time.
      """)

  @Argument(help: "Jobs: ids, beginnings of ids, or names.")
  var jobs: [String] = []
  @Option(help: ArgumentHelp("All jobs that ended so long ago: 30d, 12h.", valueName: "time"))
  var olderThan: String?
  @Flag(help: "Of those, only the rejected and cancelled ones.")
  var rejected = false
  @Flag(help: "Only show what would be removed.")
  var dryRun = false
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Report: Encodable {
    var isDryRun: Bool
    var jobs: [JobRecord]
  }

  func validate() throws {
    if jobs.isEmpty == (olderThan == nil) { throw ValidationError("name jobs, or give --older-than") }
    if rejected, olderThan == nil { throw ValidationError("--rejected goes with --older-than") }
    if let olderThan, Quantity.duration(olderThan) == nil {
      throw ValidationError("--older-than is a whole number with its unit: 12h, 30d")
    }
  }

  func run() throws {
    let state = StateFolder(try configuration.read().state)
    let records = try chosen(JobStore(readOnly: state.store))
    if !dryRun {
      let client = ControlClient(state: state)
      for record in records { try client.request(.purge, job: record.id.rawValue) }
    }
    if format.json { return try Output.json(Report(isDryRun: dryRun, jobs: records)) }
    for record in records {
      print("\(dryRun ? "would remove" : "removed") \(record.id) (\(record.name)): \(record.folder ?? "no folder")")
    }
    if records.isEmpty { print("nothing to remove") }
  }

  private func chosen(_ store: JobStore) throws -> [JobRecord] {
    guard let age = olderThan.flatMap(Quantity.duration) else { return try jobs.map(store.job(matching:)) }
    return try store.ended(
      before: Date(timeIntervalSinceNow: -(age / .seconds(1))),
      in: rejected ? [.rejected, .cancelled] : [.done, .rejected, .cancelled], limit: 1_000_000)
  }
}

/// A request about one job, or the whole queue.
struct JobOrQueueRequest: ParsableArguments {
  @Argument(help: "A job: its id, the beginning of its id, or its name.")
  var job: String?
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  func send(_ verb: ControlRequest.Verb) throws {
    try ControlAnswer.get(verb, job: job, configuration: configuration, format: format)
  }
}

/// What the daemon answered, on standard output.
enum ControlAnswer {
  private struct Report: Encodable { var message: String }

  static func get(
    _ verb: ControlRequest.Verb, job: String?, configuration: ConfigurationOption, format: FormatOption
  ) throws {
    let state = StateFolder(try configuration.read().state)
    let message = try ControlClient(state: state).request(verb, job: job)
    if format.json { try Output.json(Report(message: message)) } else { print(message) }
  }
}

/// A request about one job to the running daemon.
struct JobRequest: ParsableArguments {
  @Argument(help: "A job: its id, the beginning of its id, or its name.")
  var job: String
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  func send(_ verb: ControlRequest.Verb) throws {
    try ControlAnswer.get(verb, job: job, configuration: configuration, format: format)
  }
}
