import FileKit
import Foundation
import IntrayCore
import SpecFile
import TestSupport
import Testing

@Suite struct ConfigurationTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func read(_ text: String) throws -> Configuration {
    try Configuration(YAML.parse(Data(text.utf8), path: "intray.yaml"), path: "intray.yaml", folder: "/etc/intray")
  }

  @Test func `a file of comments gives the defaults`() throws {
    let path = try folder.write("# inbox: /srv/inbox\n", to: "intray.yaml")
    let configuration = try Configuration.read(path)
    #expect(configuration.inbox == "\(folder.path)/Inbox")
    #expect(configuration.outbox == "\(folder.path)/Outbox")
    #expect(configuration.state == "\(folder.path)/.intray")
    #expect(configuration.models == "\(folder.path)/.intray/models")
    #expect(configuration.plugins.hasPrefix("/"))
    #expect(configuration.settle == .seconds(1) && configuration.wait == .seconds(3600))
    #expect(configuration.backoff == .seconds(2) && configuration.attempts == 3 && configuration.slots == 1)
    #expect(configuration.threads >= 1)
    #expect(configuration.routes.isEmpty)
  }

  @Test func `without a file the current folder holds everything`() throws {
    let configuration = try Configuration.read(nil)
    #expect(configuration.inbox == "\(FileManager.default.currentDirectoryPath)/Inbox")
  }

  @Test func `a file that is named must be there`() {
    let error = #expect(throws: IntrayError.self) { try Configuration.read("\(folder.path)/none.yaml") }
    #expect(error?.code == .missing)
  }

  @Test func `all keys are read`() throws {
    let configuration = try read(
      """
      inbox: /srv/in
      outbox: ./out
      state: var
      plugins: ../plugins
      settle: 500ms
      wait: 2h
      backoff: 0s
      slots: 2
      threads: 4
      attempts: 5
      memory: 14GiB
      limits: {memory: 512MiB, time: 7d}
      stall: 10m
      queue: 50
      disk_floor: 0KiB
      keep: {results: 90d}
      routes:
        - {match: "a-*.csv", spec: {run: infer}}
        - {match: "*.csv", spec: {run: echo, name: all}}
      """)
    #expect(configuration.inbox == "/srv/in")
    #expect(configuration.outbox == "/etc/intray/out")
    #expect(configuration.state == "/etc/intray/var")
    #expect(configuration.plugins == "/etc/intray/../plugins")
    #expect(configuration.settle == .milliseconds(500) && configuration.wait == .seconds(7200))
    #expect(configuration.backoff == .zero)
    #expect((configuration.slots, configuration.threads, configuration.attempts) == (2, 4, 5))
    #expect(configuration.memory == 14 << 30 && configuration.diskFloor == 0 && configuration.queue == 50)
    #expect(configuration.limits == JobLimits(memory: 512 << 20, seconds: 7 * 86_400))
    #expect(configuration.stall == .seconds(600))
    #expect(configuration.retention == Retention(results: .seconds(90 * 86_400)))
    #expect(try configuration.route(forFile: "a-1.csv")?.draft(forFile: "a-1.csv").run == "infer")
    #expect(try configuration.route(forFile: "b.csv")?.draft(forFile: "b.csv").run == "echo")
    #expect(configuration.route(forFile: "b.tsv") == nil)
    #expect(configuration.route(forFile: ".a.csv") == nil)
  }

  @Test(
    arguments: [
      ("inbxo: a", "1:1: unknown key 'inbxo'; did you mean 'inbox'?"),
      ("inbox:", "1:7: 'inbox' must be text, not nothing"),
      ("inbox: [a]", "1:8: 'inbox' must be text, not a list"),
      ("- a", "1:1: the configuration must be a mapping (key: value), not a list"),
      (
        "settle: 5",
        "1:9: 'settle' must be a time, not 5; a whole number with its unit, at most 3650d: 500ms, 1s, 2m, 1h, 1d"
      ),
      (
        "wait: 1 hour",
        "1:7: 'wait' must be a time, not text '1 hour'; a whole number with its unit, at most 3650d: 500ms, 1s, 2m, 1h, 1d"
      ),
      (
        "wait: 9999999999999999999h",
        "1:7: 'wait' must be a time, not text '9999999999999999999h'; a whole number with its unit, at most 3650d: 500ms, 1s, 2m, 1h, 1d"
      ),
      ("slots: 0", "1:8: 'slots' must be an integer from 1 to 1024, not 0"),
      ("threads: many", "1:10: 'threads' must be an integer from 1 to 1024, not text 'many'"),
      ("memory: 8G", "1:9: 'memory' must be a size, not text '8G'; a whole number with its unit: 512MiB, 4GiB, 1TiB"),
      ("keep: {result: 1d}", "1:8: unknown key 'result'; did you mean 'results'?"),
      ("attempts: 1.5", "1:11: 'attempts' must be an integer from 1 to 1000, not 1.5"),
      ("routes: {match: a}", "1:9: 'routes' must be a list, not a mapping"),
      ("routes: [{spec: {run: a}}]", "1:10: a route needs the key 'match'"),
      ("routes: [{match: a}]", "1:10: a route needs the key 'spec'"),
      ("routes: [{match: a, spec: {}}]", "1:27: the spec needs the key 'run'; it names the runner: `run: finetune`"),
      ("routes:\n- match: a\n  spec: {run: a, wiht: {}}", "3:18: unknown key 'wiht'; did you mean 'with'?"),
      (
        "routes: [{match: a, spec: {run: a, data: {input: a.csv}}}]",
        "1:42: a route's spec names no files; the file that matches is its 'input'"
      ),
    ])
  func `a bad configuration is told with its place`(text: String, message: String) {
    let error = #expect(throws: IntrayError.self) { try read(text) }
    #expect(error?.description == "intray.yaml:\(message)")
    #expect(error?.code == .spec)
  }

  @Test func `a route makes the spec of a file`() throws {
    let configuration = try read(
      """
      routes:
        - match: papers-*.csv
          spec:
            run: infer
            data: {columns: {id: paperid, text: [title, abstract]}}
            with: {model: papers}
      """)
    let runner = RunnerDescription(
      name: "infer", version: "1", summary: "",
      data: ["input": .init(required: true, columns: ["text"], description: "rows to label")],
      parameters: ["type": "object", "additionalProperties": false, "properties": ["model": ["type": "string"]]])
    let route = try #require(configuration.route(forFile: "papers-may 24.csv"))
    let spec = try route.draft(forFile: "papers-may 24.csv").resolve(for: runner)
    #expect(spec.name == "papers-may-24")
    #expect(spec.data.files == ["input": DataFile(path: "papers-may 24.csv")])
    #expect(spec.data.columns.text == ["title", "abstract"])
    #expect(spec.with == ["model": "papers"])
    #expect(throws: IntrayError.self) { try route.draft(forFile: "../papers-1.csv") }
  }
}
