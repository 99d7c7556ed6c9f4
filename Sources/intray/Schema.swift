import ArgumentParser
import SpecFile

struct Schema: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the JSON Schema of specs, for editors.",
    discussion: """
      With yaml-language-server: `intray schema > intray.schema.json`, and in a spec the first line \
      `# yaml-language-server: $schema=intray.schema.json`.
      """)

  @OptionGroup var configuration: ConfigurationOption

  func run() throws {
    let runners = try configuration.read().catalog().runners()
    try Output.json(SpecSchema.json(for: runners.map(\.description)))
  }
}
