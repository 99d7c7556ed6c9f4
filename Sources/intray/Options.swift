import ArgumentParser
import FileKit
import Foundation
import IntrayCore
import PluginHost
import Service
import SpecFile

/// Which configuration to use; shared by all commands that need the daemon's folders.
struct ConfigurationOption: ParsableArguments {
  static let installed = "/etc/intray/intray.yaml"

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "The configuration. Without it: ./intray.yaml, then \(ConfigurationOption.installed), then the defaults.",
      valueName: "file"))
  var config: String?

  func read() throws -> Configuration {
    if config == nil, try Files.status("intray.yaml") == nil, try Files.status(Self.installed) != nil {
      return try Configuration.read(Self.installed)
    }
    return try Configuration.read(config)
  }
}

/// `--json`; shared by all commands that print a result.
struct FormatOption: ParsableArguments {
  @Flag(help: "Print JSON.")
  var json = false
}

extension Configuration {
  /// The runners that this configuration gives.
  func catalog() throws -> PluginCatalog {
    PluginCatalog(folder: plugins, worker: try Programs.worker())
  }
}
