import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct ModelsTests {
  private struct Model: Decodable {
    var name: String
    var layers: Int
  }

  @Test(.enabled(if: Checkout.baseModel != nil, "make models fetches the base model"))
  func `a model is added, listed, shown, replaced and removed`() throws {
    let folder = try TemporaryFolder()
    let intray = Program(in: folder.path)
    let source = try #require(Checkout.baseModel)

    let added = try intray("models", "add", source, "--name", "base", "--json")
    #expect(added.status == 0, "\(added.errors)")
    #expect(try added.json(Model.self).layers == 6)
    #expect(try intray("models", "--json").json([Model].self).map(\.name) == ["base"])
    #expect(try intray("models", "show", "base").output.contains("6 layers x 384"))

    let again = try intray("models", "add", source, "--name", "base")
    #expect(again.status == IntrayError.Code.usage.exitCode)
    #expect(again.errors.contains("--force"))
    #expect(try intray("models", "add", source, "--name", "base", "--force").status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/.intray/models") == ["base"])

    let unknown = try intray("models", "show", "bas")
    #expect(unknown.status == IntrayError.Code.model.exitCode)
    #expect(unknown.errors.contains("did you mean 'base'?"))

    #expect(try intray("models", "remove", "base").status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/.intray/models").isEmpty)
  }

  @Test func `a folder that is no model does not come into the store`() throws {
    let folder = try TemporaryFolder()
    try folder.write("{}", to: "thing/config.json")
    let result = try Program(in: folder.path)("models", "add", "thing")
    #expect(result.status == IntrayError.Code.model.exitCode)
    #expect(result.errors.contains("hidden_size"))
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/.intray/models/thing"))
  }

  @Test(arguments: ["../x", ".x", ""]) func `a name that would leave the store is refused`(name: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("{}", to: "thing/config.json")
    let result = try Program(in: folder.path)("models", "add", "thing", "--name", name)
    #expect(result.status == IntrayError.Code.usage.exitCode)
  }
}
