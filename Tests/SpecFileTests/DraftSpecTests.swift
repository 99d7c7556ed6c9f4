import FileKit
import Foundation
import IntrayCore
import SpecFile
import TestSupport
import Testing

@Suite struct DraftSpecTests {
  private func draft(_ text: String) throws -> DraftSpec {
    try DraftSpec(node: YAML.parse(Data(text.utf8), path: "spec.yaml"), path: "spec.yaml", defaultName: "spec")
  }

  @Test func `a spec with all keys becomes a job with all parameters`() throws {
    let hash = String(repeating: "0f", count: 32)
    let spec = try draft(
      """
      name: papers
      run: finetune
      data:
        train: {path: train.csv, sha256: \(hash.uppercased()), rows: 400}
        test: test set.csv
        columns: {id: paperid, text: [title, abstract], label: categories}
      with: {model: all-MiniLM-L6-v2, epochs: 2.0, lr: 1, schedule: {kind: linear}}
      publish: papers-2
      force: true
      priority: -7
      limits: {memory: 1536MiB, time: 90m}
      """
    ).resolve(for: finetune)
    #expect(
      spec
        == JobSpec(
          name: "papers", run: "finetune",
          data: JobData(
            files: [
              "train": DataFile(path: "train.csv", sha256: hash, rows: 400), "test": DataFile(path: "test set.csv"),
            ],
            columns: Columns(id: "paperid", text: ["title", "abstract"], label: "categories")),
          with: [
            "model": "all-MiniLM-L6-v2", "epochs": 2, "lr": 1, "dropout": 0.1, "head": "mean", "seeds": [1],
            "folds": nil, "schedule": ["kind": "linear", "warmup": 0.06],
          ],
          publish: "papers-2", force: true, priority: -7,
          limits: JobLimits(memory: 1536 << 20, seconds: 5400)))
  }

  @Test func `a resolved spec is the same after a way through JSON`() throws {
    let spec = try draft(
      """
      run: finetune
      data: {train: train.csv, columns: {text: title, label: 7}}
      with: {model: a, lr: 2.0, dropout: 0.25, epochs: 1e1, folds: 5}
      """
    ).resolve(for: finetune)
    #expect(spec.with["lr"] == 2)
    #expect(spec.with["epochs"] == 10)
    #expect(spec.data.columns.label == "7")
    #expect(try JSON.decode(JobSpec.self, from: JSON.encode(spec), path: "x") == spec)
  }

  @Test func `a spec without a name takes its file's, made safe`() throws {
    let folder = try TemporaryFolder()
    let text = "run: finetune\n"
    #expect(try DraftSpec.read(folder.write(text, to: "papers.yaml")).name == "papers")
    #expect(try DraftSpec.read(folder.write(text, to: "My papers (2).yml")).name == "My-papers--2-")
    #expect(try DraftSpec.read(folder.write(text, to: "_.yaml")).name == "batch")
  }

  @Test func `messages name the file as the caller wants`() throws {
    let folder = try TemporaryFolder()
    let kept = try folder.write("rnu: finetune\n", to: "a.yaml")
    let short = #expect(throws: IntrayError.self) { try DraftSpec.read(kept) }
    #expect(short?.description == "a.yaml:1:1: unknown key 'rnu'; did you mean 'run'?")
    let long = #expect(throws: IntrayError.self) { try DraftSpec.read(kept, shownAs: "dir/a.yaml") }
    #expect(long?.location?.path == "dir/a.yaml")
  }

  @Test func `an unknown runner is told at its place`() throws {
    let error = try draft("name: a\nrun: finetun\n").unknownRunner(known: ["finetune", "infer"])
    #expect(error.description == "spec.yaml:2:6: unknown runner 'finetun'; did you mean 'finetune'?")
  }

  @Test func `parameters that a schema leaves open pass as they are`() throws {
    let runner = RunnerDescription(
      name: "open", version: "1", summary: "", data: [:], parameters: ["type": "object", "properties": [:]])
    let spec = try draft("run: open\nwith: {a: [1, {b: null}], c: 0.5}\n").resolve(for: runner)
    #expect(spec.with == ["a": [1, ["b": nil]], "c": 0.5])
  }

  @Test(arguments: [
    "a": true, "A-1_b.c": true, "": false, ".a": false, "-a": false, "a b": false, "a/b": false, "ä": false,
    "..": false,
    String(repeating: "a", count: 100): true, String(repeating: "a", count: 101): false, "a\n": false,
  ])
  func `which names can be a folder's`(name: String, isSafe: Bool) {
    #expect(FileNames.isSafe(name) == isSafe)
    #expect(FileNames.isSafe(FileNames.safe(name)))
    if isSafe { #expect(FileNames.safe(name) == name) }
  }

  /// Texts that are hard to write in YAML.
  static let texts = [
    "", " ", "a", "true", "null", "~", "3", "0.5", "1e5", "- a", "-", "? a", "a: b", "a #b", "#a", "'", "\"", "\\",
    "\n",
    "a\nb", "\t", "\u{0}", "\u{7F}", "\u{85}", "\u{A0}", "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}",
    "\u{1F600}", "é", "e\u{301}", "{a}", "[a]", "*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "yes", "no", "on", "y",
    "0x1F",
    "0o7", "1_000", "12:30:45", ".inf", "...", "---", "a,b", "papers", "title", "=", "<<", "2024-01-02", "\r", "\r\n",
    String(repeating: "long ", count: 300),
  ]

  @Test func `what the writer writes reads back as the same spec`() throws {
    var random = SeededGenerator(seed: 11)
    func text() -> String {
      let parts = (0..<Int.random(in: 1...2, using: &random)).map { _ in Self.texts.randomElement(using: &random) ?? ""
      }
      return parts.joined()
    }
    func nonEmpty() -> String { text() + "x" }
    func value(_ depth: Int) -> JSONValue {
      switch Int.random(in: 0...(depth > 2 ? 4 : 6), using: &random) {
      case 0: return .null
      case 1: return .bool(Bool.random(using: &random))
      case 2: return .int([0, -1, 42, .max, .min].randomElement(using: &random) ?? 0)
      case 3:
        // Numbers without a fraction come back as integers, so there are none here.
        return .double(
          [0.5, -1e-4, 1e-300, 0.1 + 0.2, .leastNonzeroMagnitude, 1.5e300].randomElement(using: &random) ?? 0.5)
      case 4: return .string(text())
      case 5: return .array((0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth + 1) })
      default:
        return .object(
          Dictionary((0..<Int.random(in: 0...3, using: &random)).map { _ in (text(), value(depth + 1)) }) { a, _ in a })
      }
    }
    let open = RunnerDescription(
      name: "any", version: "1", summary: "",
      data: [
        "train": .init(required: false, columns: [], description: ""),
        "null": .init(required: false, columns: [], description: ""),
      ],
      parameters: ["type": "object"])
    for round in 0..<1500 {
      let file = DataFile(
        path: round % 2 == 0 ? "true" : "a b: c #d \(round).csv",
        sha256: round % 3 == 0 ? String(repeating: "1", count: 64) : nil,
        rows: round % 5 == 0 ? round : nil)
      let spec = JobSpec(
        name: ["papers", "2024", "0.5", "true", "null"].randomElement(using: &random) ?? "a", run: nonEmpty(),
        data: JobData(
          files: round % 7 == 0 ? [:] : ["train": file, "null": DataFile(path: "x")],
          columns: Columns(
            id: round % 2 == 0 ? nonEmpty() : nil, text: (0..<(round % 3)).map { _ in nonEmpty() },
            label: round % 4 == 0 ? nonEmpty() : nil)),
        with: Dictionary((0..<(round % 4)).map { _ in (text(), value(0)) }) { a, _ in a },
        publish: round % 6 == 0 ? "model-1" : nil, force: round % 2 == 0, priority: round % 201 - 100,
        limits: JobLimits(memory: round % 3 == 0 ? round << 10 : nil, seconds: round % 4 == 0 ? round + 1 : nil))
      let yaml = SpecWriter.yaml(spec)
      let back = try draft(yaml).resolve(for: open)
      #expect(back == spec, "\(yaml)")
    }
  }

  @Test(
    arguments: [
      ("priority: 101", "'priority' must be an integer from -100 to 100, not 101"),
      ("limits: 4GiB", "'limits' must be a mapping (key: value), not text '4GiB'"),
      ("limits: {memory: 4 GB}", "'memory' must be a size, not text '4 GB'"),
      ("limits: {time: 0s}", "'time' must be at least 1s, not text '0s'"),
      ("limits: {tine: 1h}", "unknown key 'tine'"),
    ]) func `a wrong priority or limit is refused at its place`(line: String, message: String) throws
  {
    #expect {
      try draft("run: finetune\n\(line)\n")
    } throws: {
      let error = $0 as? IntrayError
      return error?.code == .spec && error?.location?.line == 2 && error?.message == message
    }
  }

  @Test func `the stricter of two limits counts`() {
    let limits = JobLimits(memory: 5, seconds: nil).capped(by: JobLimits(memory: 7, seconds: 3))
    #expect(limits == JobLimits(memory: 5, seconds: 3))
  }

  @Test func `a written spec reads as a person would write it`() {
    let spec = JobSpec(
      name: "papers", run: "finetune",
      data: JobData(
        files: ["train": DataFile(path: "train.csv", rows: 400), "test": DataFile(path: "test.csv")],
        columns: Columns(id: "paperid", text: ["title", "abstract"], label: "on")),
      with: ["model": "all-MiniLM-L6-v2", "epochs": 2, "lr": 2e-5, "seeds": [1, 2], "note": "3"], publish: nil)
    #expect(
      SpecWriter.yaml(spec) == """
        name: papers
        run: finetune
        data:
          test: test.csv
          train: {path: train.csv, rows: 400}
          columns: {id: paperid, text: [title, abstract], label: "on"}
        with:
          epochs: 2
          lr: 2e-05
          model: all-MiniLM-L6-v2
          note: "3"
          seeds: [1, 2]
        force: false

        """)
  }
}
