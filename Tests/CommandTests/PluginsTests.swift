import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct PluginsTests {
  private struct Listing: Decodable {
    struct Runner: Decodable { var description: RunnerDescription }
    struct Broken: Decodable {
      var path: String
      var error: String
    }
    var runners: [Runner]
    var broken: [Broken]
  }

  /// A folder with a configuration whose plugins folder holds Echo alone.
  private func folderWithEcho() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("plugins: plugins\n", to: "intray.yaml")
    try FileManager.default.createDirectory(atPath: "\(folder.path)/plugins", withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: "\(Checkout.products)/libEcho.so", toPath: "\(folder.path)/plugins/libEcho.so")
    return folder
  }

  @Test func `runners are listed with what they do`() throws {
    let folder = try folderWithEcho()
    let result = try Program(in: folder.path)("plugins")
    #expect(result.status == 0)
    #expect(result.output.contains("echo"))
    #expect(result.output.contains("WHAT IT DOES"))
  }

  @Test func `a plugin that cannot be used is named and ends with 69, and the others are listed`() throws {
    let folder = try folderWithEcho()
    try folder.write("no library", to: "plugins/libBroken.so")
    try folder.write("not a plugin's name", to: "plugins/libGRDB-dynamic.so")
    let result = try Program(in: folder.path)("plugins", "--json")
    #expect(result.status == IntrayError.Code.plugin.exitCode)
    let listing = try result.json(Listing.self)
    #expect(listing.runners.map(\.description.name) == ["echo"])
    #expect(listing.broken.map { URL(fileURLWithPath: $0.path).lastPathComponent } == ["libBroken.so"])
  }

  @Test func `one runner is shown with its files and parameters`() throws {
    let folder = try folderWithEcho()
    let result = try Program(in: folder.path)("plugins", "echo")
    #expect(result.status == 0)
    #expect(result.output.contains("input"))
    #expect(result.output.contains("repeat"))
  }

  @Test func `an unknown runner ends with 69 and the nearest name`() throws {
    let folder = try folderWithEcho()
    let result = try Program(in: folder.path)("plugins", "ecko")
    #expect(result.status == IntrayError.Code.plugin.exitCode)
    #expect(result.errors.contains("did you mean 'echo'?"))
  }

  @Test func `the schema has each runner's parameters`() throws {
    let folder = try folderWithEcho()
    let schema = try Program(in: folder.path)("schema").json(JSONValue.self)
    let echo = schema["oneOf"]?.array?.first
    #expect(echo?["properties"]?["run"]?["const"] == "echo")
    #expect(echo?["properties"]?["with"]?["properties"]?["repeat"]?["type"] == "integer")
    #expect(echo?["required"] == ["run", "data"])
  }
}
