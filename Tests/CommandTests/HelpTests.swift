import Foundation
import TestSupport
import Testing

/// The help texts as golden files. After a change: `INTRAY_RECORD=1 swift test -c release --filter HelpTests`.
@Suite struct HelpTests {
  static let commands = [
    "", "run", "submit", "status", "logs", "cancel", "retry", "hold", "release", "purge", "validate", "plan", "inspect",
    "tokenize", "lemmatize", "speed", "plugins", "models",
    "models list", "models show", "models add", "models remove", "schema", "doctor", "fsck",
  ]

  @Test(arguments: commands) func `help is what the golden file says`(command: String) throws {
    let words = command.split(separator: " ").map(String.init)
    let help = try Program(in: Checkout.root).run(words + ["--help"])
    #expect(help.status == 0)
    let golden = Checkout.fixture("help/\((["intray"] + words).joined(separator: "-")).txt")
    if ProcessInfo.processInfo.environment["INTRAY_RECORD"] != nil {
      try FileManager.default.createDirectory(atPath: Checkout.fixture("help"), withIntermediateDirectories: true)
      try help.output.write(toFile: golden, atomically: true, encoding: .utf8)
    }
    #expect(try help.output == String(contentsOfFile: golden, encoding: .utf8))
  }

  @Test func `every command has a golden file`() throws {
    let help = try Program(in: Checkout.root)("--help").output
    let listed = help.split(separator: "\n").compactMap { line -> String? in
      guard line.hasPrefix("  "), !line.hasPrefix("   "), !line.hasPrefix("  -") else { return nil }
      return line.split(separator: " ").first.map(String.init)
    }
    let tested = Self.commands.compactMap { $0.split(separator: " ").first.map(String.init) }
    #expect(Set(listed).subtracting(["See"]) == Set(tested))
  }

  @Test func `a wrong command line ends with 64 and says what is right`() throws {
    let result = try Program(in: Checkout.root)("inspect", "--row", "3", "file.csv")
    #expect(result.status == 64)
    #expect(result.errors.contains("--rows"))
    #expect(result.output.isEmpty)
  }
}
