import ArgumentParser
import IntrayCore
import Outbox
import Service
import SpecFile

struct Fsck: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare the job store with what is on the disk.",
    discussion: """
      It changes nothing, and may be used beside a running intrayd. Each disagreement is a line: where, what it means, \
      and what to do. Exit code 65 when there is one.
      """)

  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Report: Encodable {
    var isRunning: Bool
    var jobs: Int
    var disagreements: [StateCheck.Disagreement]
  }

  func run() throws {
    let configuration = try configuration.read()
    let state = StateFolder(configuration.state)
    let client = ControlClient(state: state)
    let check = StateCheck(state: state, outbox: Outbox(folder: configuration.outbox, models: configuration.models))
    let found = try check.disagreements { client.isRunning }
    if format.json {
      try Output.json(Report(isRunning: client.isRunning, jobs: check.jobs, disagreements: found))
    } else if found.isEmpty {
      print("the store and the disk agree (\(check.jobs) jobs)")
    } else {
      for one in found { print(Output.visible(one.description)) }
    }
    if !found.isEmpty { throw ExitCode(IntrayError.Code.data.exitCode) }
  }
}
