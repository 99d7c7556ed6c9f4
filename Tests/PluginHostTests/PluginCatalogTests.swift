import Foundation
import IntrayCore
import PluginHost
import TestSupport
import Testing

@Suite("Plugin catalog")
struct PluginCatalogTests {
  private static let echo = "\(Checkout.products)/libEcho.so"

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func catalog(worker: String = Workbench.worker) -> PluginCatalog {
    PluginCatalog(folder: folder.path, worker: worker, timeLimit: .seconds(60))
  }

  private func install(_ source: String, as name: String) throws {
    let target = "\(folder.path)/\(name)"
    if FileManager.default.fileExists(atPath: target) { try FileManager.default.removeItem(atPath: target) }
    try FileManager.default.copyItem(atPath: source, toPath: target)
  }

  @Test("A good plugin is found by its name, with its description")
  func good() throws {
    try install(Self.echo, as: "libEcho.so")
    let runner = try catalog().runner(named: "echo")
    #expect(runner.path == "\(folder.path)/libEcho.so")
    #expect(runner.description.name == "echo")
    #expect(runner.description.data["input"]?.required == true)
    #expect(runner.description.parameters["properties"]?["repeat"]?["maximum"] == 100)
    #expect(try catalog().runners() == [runner])
  }

  @Test("Broken plugins are listed apart, and do not hide the good ones")
  func broken() throws {
    try install(Self.echo, as: "libEcho.so")
    try install(try BadPlugins.path("prints-when-loaded"), as: "libPrints-when-loaded.so")
    try install(try BadPlugins.path("wrong-major"), as: "libWrong-major.so")
    try install(try BadPlugins.path("segfault-in-describe"), as: "libSegfault-in-describe.so")
    try folder.write("not a library", to: "libText.so")
    try folder.write("not looked at", to: "README.md")
    try FileManager.default.createDirectory(atPath: "\(folder.path)/libFolder.so", withIntermediateDirectories: true)
    let list = try catalog().list()
    #expect(list.runners.map(\.description.name) == ["echo", "prints-when-loaded"])
    #expect(
      list.broken.map(\.path)
        == ["libFolder.so", "libSegfault-in-describe.so", "libText.so", "libWrong-major.so"].map {
          "\(folder.path)/\($0)"
        })
    #expect(list.broken[0].error.message == "not a regular file")
    #expect(list.broken[2].error.message.hasPrefix("cannot be loaded: "))
    #expect(list.broken.allSatisfy { $0.error.code == .plugin && !$0.error.isTransient })
  }

  @Test("A runner that does not exist gets the nearest name, or all")
  func missing() throws {
    try install(Self.echo, as: "libEcho.so")
    let catalog = catalog()
    let slip = #expect(throws: IntrayError.self) { _ = try catalog.runner(named: "ehco") }
    #expect(slip?.description == "no runner 'ehco'; did you mean 'echo'?")
    let unknown = #expect(throws: IntrayError.self) { _ = try catalog.runner(named: "translate") }
    #expect(unknown?.description == "no runner 'translate'; known: echo")
    #expect(unknown?.code == .plugin)
  }

  @Test(
    "A name cannot leave the folder",
    arguments: ["../Echo", "", "/etc/passwd", "Echo", "echo.so", "a/b", "écho", "e\0"])
  func hostileNames(name: String) throws {
    try install(Self.echo, as: "libEcho.so")
    let error = #expect(throws: IntrayError.self) { _ = try catalog().runner(named: name) }
    #expect(error?.message.hasPrefix("no runner '") == true)
  }

  @Test("A plugin is asked once, and again when its file has changed")
  func cache() throws {
    // A worker that counts its calls.
    let worker = try folder.writeScript(
      "echo >> '\(folder.path)/calls'\nexec '\(Workbench.worker)' \"$@\"", to: "worker")
    func calls() -> Int { (try? Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/calls")).count) ?? 0 }
    try install(Self.echo, as: "libEcho.so")
    let catalog = catalog(worker: worker)
    for _ in 0..<3 { _ = try catalog.runner(named: "echo") }
    _ = try catalog.runners()
    #expect(calls() == 1)
    try install(try BadPlugins.path("wrong-major"), as: "libEcho.so")
    for _ in 0..<3 { #expect(throws: IntrayError.self) { _ = try catalog.runner(named: "echo") } }
    #expect(calls() == 2)
    try FileManager.default.removeItem(atPath: "\(folder.path)/libEcho.so")
    #expect(try catalog.runners().isEmpty)
    try install(Self.echo, as: "libEcho.so")
    _ = try catalog.runner(named: "echo")
    #expect(calls() == 3)
  }

  @Test("A missing folder and a missing worker are errors that name them")
  func missingPieces() throws {
    let noFolder = #expect(throws: IntrayError.self) {
      _ = try PluginCatalog(folder: "/no/such/folder", worker: Workbench.worker).runners()
    }
    #expect(noFolder?.location?.path == "/no/such/folder")
    try install(Self.echo, as: "libEcho.so")
    let noWorker = #expect(throws: IntrayError.self) { _ = try catalog(worker: "/no/worker").runner(named: "echo") }
    #expect(noWorker?.location?.path == "/no/worker")
  }
}
