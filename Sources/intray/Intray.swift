import ArgumentParser
import Foundation
import IntrayCore

/// The command line. Each command is a file; errors become one line on standard error and an exit code of sysexits.h.
@main
struct Intray: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "intray",
    abstract: "Turns files dropped in a folder into trained models and predictions.",
    discussion: """
      Exit codes follow sysexits.h: 64 the command line, 65 data or a model, 66 a file is missing, 69 the daemon or a \
      runner is not available, 70 a crash, 74 the system refused a call, 75 stopped or not finished, 78 a spec or the \
      configuration.
      """,
    version: IntrayVersion.current,
    groupedSubcommands: [
      CommandGroup(
        name: "Run jobs:",
        subcommands: [Run.self, Submit.self, Status.self, Logs.self, Cancel.self, Retry.self]),
      CommandGroup(name: "Keep order:", subcommands: [Hold.self, Release.self, Purge.self]),
      CommandGroup(
        name: "Look before you run:",
        subcommands: [Validate.self, Plan.self, Inspect.self, Tokenize.self, Lemmatize.self, Speed.self]),
      CommandGroup(
        name: "What there is:", subcommands: [Plugins.self, Models.self, Schema.self, Doctor.self, Fsck.self]),
    ])

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as IntrayError {
      Output.error(error)
      exit(withError: ExitCode(error.code.exitCode))
    } catch let error as EncodingError {
      Output.error(IntrayError(error))
      exit(withError: ExitCode(IntrayError.Code.bug.exitCode))
    } catch {
      exit(withError: error)
    }
  }
}
