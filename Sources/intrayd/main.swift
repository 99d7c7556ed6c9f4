import ArgumentParser
import Foundation
import IntrayCore
import Service
import SpecFile

struct Intrayd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "intrayd",
    abstract: "Turns files dropped into a folder into trained models and predictions.",
    discussion: """
      Without --config it reads intray.yaml in the current folder, or works with ./Inbox, ./Outbox and ./.intray. \
      SIGTERM stops it when the jobs under way have saved their state; SIGHUP reads the configuration again.
      """,
    version: IntrayVersion.current)

  @Option(help: ArgumentHelp("The configuration.", valueName: "file"))
  var config: String?

  @Flag(help: "Only check the configuration.")
  var check = false

  func run() throws {
    let log = ServiceLog.logger("intrayd")
    do {
      let configuration = try Configuration.read(config)
      if check {
        print("\(config ?? "the configuration"): no fault found")
        return
      }
      let daemon = Daemon(
        configuration: configuration, reread: { try Configuration.read(config) }, logger: log,
        worker: try Programs.worker())
      try daemon.run()
    } catch {
      let error = IntrayError(error)
      log.critical("\(error)")
      throw ExitCode(error.code.exitCode)
    }
  }
}

Intrayd.main()
