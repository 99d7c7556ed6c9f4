import ArgumentParser
import IntrayCore

struct Plugins: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the runners, or show what one of them takes.",
    discussion: "Exit code 69 when a plugin in the folder cannot be used.")

  @Argument(help: "A runner: show its files and parameters.")
  var runner: String?
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Listing: Encodable {
    struct Runner: Encodable {
      var path: String
      var description: RunnerDescription
    }
    struct Broken: Encodable {
      var path: String
      var error: String
    }
    var runners: [Runner]
    var broken: [Broken]
  }

  func run() throws {
    let catalog = try configuration.read().catalog()
    if let runner {
      try show(try catalog.runner(named: runner).description)
      return
    }
    let (runners, broken) = try catalog.list()
    if format.json {
      try Output.json(
        Listing(
          runners: runners.map { .init(path: $0.path, description: $0.description) },
          broken: broken.map { .init(path: $0.path, error: $0.error.description) }))
    } else {
      Output.table(
        ["RUNNER", "VERSION", "WHAT IT DOES"],
        runners.map { [$0.description.name, $0.description.version, $0.description.summary] })
      for plugin in broken { Output.error(plugin.error) }
    }
    if !broken.isEmpty { throw ExitCode(IntrayError.Code.plugin.exitCode) }
  }

  private func show(_ runner: RunnerDescription) throws {
    if format.json { return try Output.json(runner) }
    print("\(runner.name) \(runner.version): \(runner.summary)\n")
    Output.table(
      ["DATA", "", "COLUMNS", ""],
      runner.data.sorted { $0.key < $1.key }.map { name, role in
        [name, role.required ? "required" : "", role.columns.joined(separator: ", "), role.description]
      })
    let required = Set(runner.parameters["required"]?.array?.compactMap(\.string) ?? [])
    let parameters = (runner.parameters["properties"]?.object ?? [:]).sorted { $0.key < $1.key }
    print()
    Output.table(
      ["WITH", "TYPE", "DEFAULT", ""],
      try parameters.map { name, schema in
        [name, type(schema), required.contains(name) ? "required" : try text(schema["default"]), text(schema)]
      })
  }

  private func type(_ schema: JSONValue) -> String {
    if let values = schema["enum"]?.array?.compactMap(\.string), !values.isEmpty {
      return values.joined(separator: "|")
    }
    return schema["type"]?.string ?? ""
  }

  private func text(_ schema: JSONValue) -> String { schema["description"]?.string ?? "" }

  private func text(_ value: JSONValue?) throws -> String {
    switch value {
    case nil, .null?: ""
    case .string(let text)?: text
    case let value?: try JSON.text(value)
    }
  }
}
