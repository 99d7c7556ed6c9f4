import ArgumentParser
import IntrayCore
import Service

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

/// A request about one job to the running daemon.
struct JobRequest: ParsableArguments {
  @Argument(help: "A job: its id, the beginning of its id, or its name.")
  var job: String
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Report: Encodable { var message: String }

  func send(_ verb: ControlRequest.Verb) throws {
    let state = StateFolder(try configuration.read().state)
    let message = try ControlClient(state: state).request(verb, job: job)
    if format.json { try Output.json(Report(message: message)) } else { print(message) }
  }
}
