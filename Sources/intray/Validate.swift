import ArgumentParser
import Intake
import IntrayCore
import Service
import SpecFile

struct Validate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check a spec and every row of its files, and show the job that it is.",
    discussion: "Nothing is run and nothing is moved. Defaults are filled in as a job would have them.")

  @Argument(help: "The spec; its data files lie beside it.", completion: .file(extensions: ["yaml", "yml"]))
  var spec: String
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Report: Encodable {
    var job: JobID
    var version: String
    var spec: JobSpec
  }

  func run() throws {
    let job = try ForegroundRun(spec: spec, configuration: configuration.read()).check()
    if format.json { return try Output.json(Report(job: job.id, version: job.version, spec: job.spec)) }
    print("# job \(job.id), runner \(job.spec.run) \(job.version)")
    print(SpecWriter.yaml(job.spec), terminator: "")
  }
}
