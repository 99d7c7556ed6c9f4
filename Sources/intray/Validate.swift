import ArgumentParser
import Intake
import IntrayCore
import ModelStore
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
    let configuration = try configuration.read()
    let job = try ForegroundRun(spec: spec, configuration: configuration).check()
    try noteMissingModels(job.spec, configuration)
    if format.json { return try Output.json(Report(job: job.id, version: job.version, spec: job.spec)) }
    print("# job \(job.id), runner \(job.spec.run) \(job.version)")
    print(SpecWriter.yaml(job.spec), terminator: "")
  }

  /// A model may still be published by a job that comes before this one, so a missing one is no fault of the spec.
  private func noteMissingModels(_ spec: JobSpec, _ configuration: Configuration) throws {
    let runner = try configuration.catalog().runner(named: spec.run).description
    for (name, schema) in runner.parameters["properties"]?.object ?? [:] where schema["format"] == "model" {
      guard let model = spec.with[name]?.string else { continue }
      do {
        _ = try ModelStore(configuration).folder(of: model)
      } catch {
        Output.note("note: with: \(name): \(IntrayError(error)); the job will need it")
      }
    }
  }
}
