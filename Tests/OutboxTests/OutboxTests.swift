import FileKit
import Foundation
import IntrayCore
import Outbox
import SpecFile
import TestSupport
import Testing

/// A finished job's work folder, and the outbox beside it.
private struct Case {
  let folder: TemporaryFolder
  let outbox: Outbox
  let id: JobID
  var path: String { folder.path }
  var work: WorkFolder { WorkFolder("\(folder.path)/work") }

  init(id: String = "00000000000000aa", in existing: TemporaryFolder? = nil) throws {
    folder = try existing ?? TemporaryFolder(isSmall: true)
    self.id = try #require(JobID(rawValue: id))
    outbox = Outbox(folder: "\(folder.path)/outbox", models: "\(folder.path)/models")
    try Files.makeFolder(outbox.folder)
    try folder.write("id,text\n1,a\n", to: "work/batch/a.csv")
    try folder.write("run: echo\n", to: "work/batch/papers.yaml")
    try folder.write("result", to: "work/out/result.csv")
    try folder.write("deep", to: "work/out/more/deep.txt")
    try folder.write("{\"level\":5}\n", to: "work/log.jsonl")
  }

  func result(publish: String? = nil, folder: String? = nil) -> Outbox.Result {
    let data = JobData(files: ["input": DataFile(path: "a.csv")])
    return Outbox.Result(
      id: id, spec: JobSpec(name: "papers", run: "echo", data: data, with: ["repeat": 3], publish: publish),
      version: "1.0", attempts: 2, created: Date(timeIntervalSince1970: 1_700_000_000),
      started: Date(timeIntervalSince1970: 1_700_000_001), finished: Date(timeIntervalSince1970: 1_700_000_009),
      metrics: ["loss": 0.5], work: work, folder: folder)
  }

  var visible: [String] { get throws { try Files.list(outbox.folder).filter { !$0.hasPrefix(".") } } }
}

@Suite struct OutboxTests {
  @Test func `a result is published whole, with a manifest that verifies`() throws {
    let item = try Case()
    var chosen: [String] = []
    let folder = try item.outbox.publish(item.result()) { chosen.append($0) }
    #expect(folder == "\(item.path)/outbox/papers")
    #expect(chosen == [folder])
    #expect(try Files.list(item.outbox.folder) == ["papers"])
    let manifest = try Manifest.read(folder: folder)
    try manifest.verify(folder: folder)
    #expect(manifest.job == item.id)
    #expect(manifest.runner == "echo" && manifest.version == "1.0" && manifest.attempts == 2)
    #expect(manifest.finished.timeIntervalSince(manifest.started) == 8)
    #expect(
      manifest.files.keys.sorted() == [
        "input/a.csv", "input/papers.yaml", "job.yaml", "log.jsonl", "metrics.json", "more/deep.txt", "result.csv",
      ])
    #expect(manifest.files["result.csv"]?.size == 6)
    #expect(try DraftSpec.read("\(folder)/job.yaml").files["input"]?.path == "a.csv")
    let metrics: JSONValue = try JSON.decode(from: Files.read("\(folder)/metrics.json"), path: "metrics.json")
    #expect(metrics == ["loss": 0.5])
    #expect(try item.outbox.isIntact(folder, of: item.id))
  }

  @Test func `a change of any file is found and named`() throws {
    let item = try Case()
    let folder = try item.outbox.publish(item.result()) { _ in }
    let manifest = try Manifest.read(folder: folder)
    func fault() -> String? {
      do {
        try manifest.verify(folder: folder)
        return nil
      } catch { return "\(IntrayError(error))" }
    }
    try Data("changed".utf8).write(to: URL(fileURLWithPath: "\(folder)/result.csv"))
    #expect(fault() == "\(folder)/result.csv: is not what the manifest says")
    #expect(try !item.outbox.isIntact(folder, of: item.id))
    try Data("result".utf8).write(to: URL(fileURLWithPath: "\(folder)/result.csv"))
    #expect(fault() == nil)
    try Files.remove("\(folder)/more/deep.txt")
    #expect(fault() == "\(folder)/more/deep.txt: is missing")
    try Data("deep".utf8).write(to: URL(fileURLWithPath: "\(folder)/more/deep.txt"))
    try Data().write(to: URL(fileURLWithPath: "\(folder)/zzz"))
    #expect(fault() == "\(folder)/zzz: is not in the manifest")
  }

  @Test func `a runner's own metrics are kept`() throws {
    let item = try Case()
    try item.folder.write("{\"own\": 1}", to: "work/out/metrics.json")
    let folder = try item.outbox.publish(item.result()) { _ in }
    #expect(try String(decoding: Files.read("\(folder)/metrics.json"), as: UTF8.self) == "{\"own\": 1}")
  }

  @Test func `a name that is taken gets a number`() throws {
    let first = try Case()
    let second = try Case(id: "00000000000000bb", in: first.folder)
    #expect(try first.outbox.publish(first.result()) { _ in }.hasSuffix("/papers"))
    let third = try Case(id: "00000000000000cc", in: first.folder)
    #expect(try second.outbox.publish(second.result()) { _ in }.hasSuffix("/papers-2"))
    _ = try Case(in: first.folder)
    #expect(try third.outbox.publish(third.result()) { _ in }.hasSuffix("/papers-3"))
    #expect(try first.outbox.result(of: third.id, name: "papers") == "\(first.path)/outbox/papers-3")
    #expect(try first.outbox.result(of: try #require(JobID(rawValue: "00000000000000dd")), name: "papers") == nil)
  }

  @Test func `a result of files that were changed after the check is refused, and can be taken back`() throws {
    let item = try Case()
    var result = item.result()
    result.spec.data.files["input"]?.sha256 = try Files.sha256("\(item.work.batch)/a.csv")
    try item.folder.write("id\n2\n", to: "work/batch/a.csv")
    #expect { try item.outbox.publish(result) { _ in } } throws: {
      let error = $0 as? IntrayError
      return error?.code == .data && error?.location?.path == "a.csv" && error?.isTransient == false
    }
    #expect(try item.visible == [])
    try item.outbox.unstage(item.id, work: item.work)
    #expect(try Files.list(item.work.batch).contains("a.csv"))
  }

  @Test(arguments: ["input", "job.yaml", "log.jsonl", "manifest.json"])
  func `a runner that writes a name of the host's is refused, and nothing is moved`(name: String) throws {
    let item = try Case()
    try item.folder.write("x", to: "work/out/\(name)")
    #expect { try item.outbox.publish(item.result()) { _ in } } throws: {
      ($0 as? IntrayError)?.code == .plugin && "\($0)".contains("'\(name)'")
    }
    #expect(try item.visible == [])
    #expect(try Files.list(item.work.batch) == ["a.csv", "papers.yaml"])
  }

  @Test func `a link in a result is refused, and unstaging brings batch and result back`() throws {
    let item = try Case()
    try FileManager.default.createSymbolicLink(
      atPath: "\(item.work.out)/link", withDestinationPath: "/etc/passwd")
    #expect { try item.outbox.publish(item.result()) { _ in } } throws: { ($0 as? IntrayError)?.code == .plugin }
    try item.outbox.unstage(item.id, work: item.work)
    try item.outbox.unstage(item.id, work: item.work)
    #expect(try Files.list(item.outbox.folder) == [])
    #expect(try Files.list(item.work.batch) == ["a.csv", "papers.yaml"])
    #expect(try Files.list(item.work.out).contains("result.csv"))
  }

  @Test func `a published model is installed, and replaces the one before it in one step`() throws {
    let item = try Case()
    try item.folder.write("new", to: "work/out/model/config.json")
    try item.folder.write("old", to: "models/papers/config.json")
    try item.folder.write("old", to: "models/papers/gone.json")
    let folder = try item.outbox.publish(item.result(publish: "papers")) { _ in }
    #expect(try Files.list(item.outbox.models) == ["papers"])
    #expect(try Files.list("\(item.outbox.models)/papers") == ["config.json"])
    #expect(try Files.read("\(item.outbox.models)/papers/config.json") == Data("new".utf8))
    #expect(try Files.status("\(folder)/model/config.json") != nil)
  }

  @Test func `publishing a model that the runner did not leave is an error that says so`() throws {
    let item = try Case()
    #expect { try item.outbox.publish(item.result(publish: "papers")) { _ in } } throws: {
      ($0 as? IntrayError)?.code == .plugin && "\($0)".contains("publish: papers")
    }
    #expect(try item.visible == [])
  }

  /// Fails at call 1, 2, 3 ... and repeats, as after a crash there: in the end there is exactly one whole result.
  @Test func `a crash at any call of a publish is repaired by repeating it`() throws {
    var number = 1
    while true {
      let item = try Case()
      try item.folder.write("new", to: "work/out/model/config.json")
      try item.folder.write("old", to: "models/papers/config.json")
      var chosen: String?
      let fault = Fault(at: number, .fail(ENOSPC))
      let first = FaultInjection.with(fault) {
        try? item.outbox.publish(item.result(publish: "papers")) { chosen = $0 }
      }
      if !fault.fired {
        #expect(first != nil && number > 30)
        break
      }
      for name in try item.visible { #expect(try item.outbox.isIntact("\(item.outbox.folder)/\(name)", of: item.id)) }
      let model = try String(decoding: Files.read("\(item.outbox.models)/papers/config.json"), as: UTF8.self)
      #expect(model == "old" || model == "new")
      let folder = try item.outbox.publish(item.result(publish: "papers", folder: chosen)) { chosen = $0 }
      #expect(try item.outbox.isIntact(folder, of: item.id), "call \(number)")
      #expect(try Files.list(item.outbox.folder) == ["papers"], "call \(number)")
      #expect(try Files.list("\(folder)/input") == ["a.csv", "papers.yaml"], "call \(number)")
      #expect(try Files.read("\(item.outbox.models)/papers/config.json") == Data("new".utf8))
      try item.outbox.removeStale(except: [], inbox: item.path)
      #expect(try Files.list(item.outbox.models) == ["papers"])
      number += 1
    }
  }

  @Test func `what a lost job was publishing is removed, and its dropped files go to the inbox`() throws {
    let item = try Case()
    let inbox = try TemporaryFolder(isSmall: true)
    try item.folder.write("x", to: "outbox/.publishing-\(item.id)/input/a.csv")
    try item.folder.write("x", to: "outbox/.publishing-00000000000000bb/result.csv")
    try item.folder.write("x", to: "outbox/.publishing-00000000000000cc/result.csv")
    let known = try #require(JobID(rawValue: "00000000000000cc"))
    try item.outbox.removeStale(except: [known], inbox: inbox.path)
    #expect(try Files.list(item.outbox.folder) == [".publishing-00000000000000cc"])
    #expect(try Files.list("\(inbox.path)/\(item.id)") == ["a.csv"])
  }
}
