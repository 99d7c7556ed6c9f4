import FileKit
import Foundation
import Intake
import IntrayCore
import ModelStore
import SpecFile
import TestSupport
import Testing

private let runner = RunnerDescription(
  name: "train", version: "1.0", summary: "",
  data: [
    "train": .init(required: true, columns: ["text", "label"], description: "labelled rows"),
    "test": .init(required: false, columns: ["text"], description: "rows"),
    "notes": .init(required: false, columns: [], description: "any file"),
    "input": .init(required: false, columns: [], description: "a routed file"),
  ],
  parameters: [
    "type": "object", "additionalProperties": false,
    "properties": ["epochs": ["type": "integer", "minimum": 1, "default": 2]],
  ])

private let columns = "  columns: {text: title, label: class}\n"

@Suite struct BatchCheckTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder(isSmall: true) }

  private func check(_ source: Batch.Source = .spec("papers.yaml"), routes: [Route] = []) throws -> CheckedBatch {
    let check = BatchCheck(
      folder: folder.path, source: source, routes: routes, models: ModelStore("\(folder.path)/models")
    ) { draft in
      guard draft.run == "train" else { throw draft.unknownRunner(known: ["train"]) }
      return runner
    }
    while true { if let checked = try check.advance(for: .microseconds(1)) { return checked } }
  }

  private func fault(_ source: Batch.Source = .spec("papers.yaml")) -> String {
    do {
      return "no fault: \(try check(source))"
    } catch {
      return "\(IntrayError(error))"
    }
  }

  private func write(_ spec: String, train: String = "title,class\nA,b\n") throws {
    try folder.write(spec, to: "papers.yaml")
    try folder.write(train, to: "train.csv")
  }

  @Test func `a good batch becomes a job with its defaults filled in`() throws {
    try write("run: train\ndata:\n  train: train.csv\n" + columns)
    let checked = try check()
    #expect(checked.version == "1.0")
    #expect(checked.spec.name == "papers")
    #expect(checked.spec.with == ["epochs": 2])
    #expect(checked.id.rawValue.count == 16)
  }

  @Test func `the id depends on spec, data and version, and not on force or promises`() throws {
    let spec = "run: train\ndata:\n  train: train.csv\n" + columns
    try write(spec)
    let id = try check().id
    #expect(try check().id == id)
    try write(spec + "force: true\n")
    #expect(try check().id == id)
    try write("run: train\ndata:\n  train: {path: train.csv, rows: 1}\n" + columns)
    #expect(try check().id == id)
    try write(spec + "with: {epochs: 2}\n")
    #expect(try check().id == id)
    try write(spec + "with: {epochs: 3}\n")
    #expect(try check().id != id)
    try write(spec, train: "title,class\nA,c\n")
    #expect(try check().id != id)
    let job = JobSpec(name: "n", run: "r", data: JobData(files: ["a": DataFile(path: "a")]))
    let first = try JobID(spec: job, hashes: ["a": "00"], version: "1.0")
    #expect(try JobID(spec: job, hashes: ["a": "00"], version: "1.1") != first)
    #expect(try JobID(spec: job, hashes: ["a": "01"], version: "1.0") != first)
  }

  @Test func `promises are held`() throws {
    let train = "title,class\n\"A\nwith a line\",b\nC,d\n"
    let hash = SHA256Digest.hex(of: Data(train.utf8))
    func spec(_ promise: String) -> String {
      "run: train\ndata:\n  train: {path: train.csv, \(promise)}\n" + columns
    }
    try write(spec("rows: 2, sha256: \(hash)"), train: train)
    #expect(fault().hasPrefix("no fault"))
    try write(spec("rows: 3"), train: train)
    #expect(fault() == "train.csv: it has 2 rows, and the spec promises 3; was it transferred completely?")
    try write(spec("sha256: \(String(repeating: "0", count: 64))"), train: train)
    #expect(fault().hasPrefix("train.csv: its SHA-256 is \(hash), and the spec promises 000"))
  }

  @Test(arguments: [
    ("title,clas\nA,b\n", "train.csv:1: no column 'class'; the header has title, clas; did you mean 'clas'?"),
    ("title,class\nA,\"b\n", "train.csv:2:"),
    ("title,class\nA\n", "train.csv:2:"),
    ("", "train.csv:"),
    ("title,class\nA\0B,b\n", "train.csv:2:"),
  ]) func `a table with a fault is refused at its line`(train: String, expected: String) throws {
    try write("run: train\ndata:\n  train: train.csv\n" + columns, train: train)
    #expect(fault().hasPrefix(expected), "\(fault())")
  }

  @Test func `a table that is not UTF-8 is refused at its line`() throws {
    try write("run: train\ndata:\n  train: train.csv\n" + columns)
    try folder.write(Data("title,class\nA,b\n".utf8) + [0xE9, 0x2C, 0x62, 0x0A], to: "train.csv")
    #expect(fault().hasPrefix("train.csv:3"), "\(fault())")
  }

  @Test(arguments: [
    ("run: trian\n", "papers.yaml:1:6: unknown runner 'trian'; did you mean 'train'?"),
    ("run: train\nwith: {epoch: 2}\ndata:\n  train: train.csv\n" + columns, "papers.yaml:2:8: "),
    ("run: train\nwith: {epochs: two}\ndata:\n  train: train.csv\n" + columns, "papers.yaml:2:16: "),
    ("run: [train\n", "papers.yaml:"),
    ("run: train\ndata: {train: ../train.csv}\n", "papers.yaml:2:15: "),
    ("run: train\ndata: {train: /etc/passwd}\n", "papers.yaml:2:15: "),
    ("run: train\ndata:\n  train: gone.csv\n" + columns, "gone.csv: is not in the batch"),
  ]) func `a spec with a fault is refused at its place`(spec: String, expected: String) throws {
    try write(spec)
    #expect(fault().hasPrefix(expected), "\(fault())")
  }

  @Test func `an alias bomb is refused`() throws {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1..<12 {
      text += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ") + "]\n"
    }
    try write(text)
    #expect(fault().hasPrefix("papers.yaml:"), "\(fault())")
  }

  @Test func `a file that nobody names is refused, a hidden one is not`() throws {
    try write("run: train\ndata:\n  train: train.csv\n" + columns)
    try folder.write("x", to: ".DS_Store")
    #expect(fault().hasPrefix("no fault"))
    try folder.write("x", to: "readme.txt")
    #expect(fault() == "readme.txt: papers.yaml does not name this file; name it in 'data', or leave it out")
  }

  @Test func `links and special files are refused`() throws {
    try write("run: train\ndata:\n  train: train.csv\n  notes: notes.txt\n" + columns)
    try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/notes.txt", withDestinationPath: "/etc/passwd")
    #expect(fault().hasPrefix("notes.txt: a symbolic link is not followed"))
    try Files.remove("\(folder.path)/notes.txt")
    #expect(mkfifo("\(folder.path)/notes.txt", 0o600) == 0)
    #expect(fault().hasPrefix("notes.txt: neither a regular file nor a folder"))
    try Files.remove("\(folder.path)/papers.yaml")
    try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/papers.yaml", withDestinationPath: "/etc/passwd")
    #expect(fault().hasPrefix("papers.yaml: a symbolic link is not followed"))
  }

  @Test func `a file that need not be a table may hold anything`() throws {
    try write("run: train\ndata:\n  train: train.csv\n  notes: notes.bin\n" + columns)
    try folder.write(Data([0, 1, 2, 0xff]), to: "notes.bin")
    #expect(fault().hasPrefix("no fault"))
  }

  @Test func `a file that is changed while it is read is refused`() throws {
    try write("run: train\ndata:\n  train: train.csv\n" + columns)
    try folder.write(String(repeating: "x", count: 3 << 20), to: "notes.bin")
    try write("run: train\ndata:\n  notes: notes.bin\n  train: train.csv\n" + columns)
    let check = BatchCheck(folder: folder.path, source: .spec("papers.yaml"), models: ModelStore(folder.path)) { _ in
      runner
    }
    #expect(try check.advance(for: .zero) == nil)
    #expect(try check.advance(for: .zero) == nil)
    try folder.write(String(repeating: "y", count: 3 << 20), to: "notes.bin")
    #expect { while try check.advance() == nil {} } throws: {
      "\($0)".hasPrefix("notes.bin: was changed while it was read")
    }
  }

  @Test func `a routed file takes the route's spec`() throws {
    let text = "routes: [{match: 'new-*.csv', spec: {run: train, data: {train: x.csv}}}]"
    let routes = try? Configuration(
      YAML.parse(Data(text.utf8), path: "intray.yaml"), path: "intray.yaml", folder: "/"
    ).routes
    // A route names no files of its own.
    #expect(routes == nil)
    try folder.write("title\nA\n", to: "new-1.csv")
    let good = "routes: [{match: 'new-*.csv', spec: {run: train}}]"
    let route = try Configuration(YAML.parse(Data(good.utf8), path: "intray.yaml"), path: "intray.yaml", folder: "/")
      .routes
    #expect { try check(.file("new-1.csv"), routes: route) } throws: {
      // This runner needs a labelled file as well, so the template's fault shows.
      "\($0)".hasPrefix("intray.yaml:1:") && "\($0)".contains("needs a file 'train'")
    }
    #expect(throws: IntrayError.self) { try check(.file("new-1.csv")) }
  }

  /// What the system refuses for the moment is no fault of the batch.
  @Test func `a full table of open files is a transient error`() throws {
    try write("run: train\ndata:\n  train: train.csv\n" + columns)
    #expect {
      try FaultInjection.with(Fault(.open, at: 1, .fail(EMFILE))) { try check() }
    } throws: { ($0 as? IntrayError)?.isTransient == true }
  }
}
