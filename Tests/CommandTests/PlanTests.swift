import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct PlanTests {
  private struct Report: Decodable {
    var job: String
    var version: String
    var spec: JobSpec
    var threads: Int
    var plan: JobPlan
  }

  /// A batch for finetune, with a tiny model in the store.
  private func finetune(
    _ with: String = "{model: tiny}", labels: [String] = ["red", "green", "blue"]
  ) throws -> (place: Workplace, spec: String) {
    let place = try Workplace()
    try FileManager.default.copyItem(
      atPath: "\(Checkout.products)/libFinetune.so", toPath: "\(place.path)/plugins/libFinetune.so")
    try TinyModel.write(to: "\(place.path)/.intray/models/tiny")
    try place.folder.write(TinyModel.csv(rows: 60, labels: labels), to: "my batch/train.csv")
    try place.folder.write(
      "run: finetune\ndata: {train: train.csv, columns: {id: id, text: text, label: label}}\nwith: \(with)\n",
      to: "my batch/job.yaml")
    return (place, "my batch/job.yaml")
  }

  @Test func `the learning rate of every tensor is printed, a line each, and the totals`() throws {
    let (place, spec) = try finetune("{model: tiny, layer_decay: 0.5, learning_rate: 0.001, head_learning_rate: 0.01}")
    let result = try place.intray("plan", spec)
    #expect(result.status == 0, "\(result.errors)")
    let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    func line(_ start: String) throws -> [String] { try #require(lines.first { $0.first == start }, "\(start)") }
    #expect(
      try line("bert.embeddings.word_embeddings.weight").dropFirst()
        == ["65", "x", "16", "embeddings", "0.00025", "0.01"])
    #expect(
      try line("bert.encoder.layer.1.attention.self.query.bias").dropFirst()
        == ["16", "encoder.layer.1", "0.001", "0.01"])
    #expect(try line("classifier.weight").dropFirst() == ["3", "x", "16", "classifier", "0.01", "0.01"])
    #expect(lines.count { $0.first?.hasPrefix("bert.") == true || $0.first?.hasPrefix("classifier.") == true } == 39)
    #expect(try line("train") == ["train", "60", "600", "10", "0", "0"])
    #expect(result.output.contains("max_length: 256"), "defaults are filled in")
    #expect(result.output.contains("\nsteps:             12\n"))
    #expect(result.output.contains("\nmemory:            about "))
    #expect(result.output.contains("\ntime:              about "))
  }

  @Test func `JSON holds the same for programs`() throws {
    let (place, spec) = try finetune("{model: tiny, precision: fp32}")
    let report = try place.intray("plan", spec, "--json").json(Report.self)
    let validated = try place.intray("validate", spec, "--json").json(JSONValue.self)
    #expect(validated["job"]?.string == report.job)
    #expect(report.spec.with["epochs"] == 3)
    #expect(report.threads == 1)
    #expect(report.plan.learningRates.count == 39)
    #expect(report.plan.learningRates.allSatisfy { $0.learningRate > 0 })
    #expect(report.plan.precision == "fp32")
    #expect(report.plan.steps == 3 * 4)
    #expect(report.plan.trainedTokens == 3 * 54 * 10)
    #expect(report.plan.memoryBytes > 1 << 20)
    #expect(report.plan.seconds > 0)
  }

  @Test func `nothing is run and nothing is left`() throws {
    let (place, spec) = try finetune()
    // A temporary folder of its own, to see what stays in it.
    try FileManager.default.createDirectory(atPath: "\(place.path)/tmp", withIntermediateDirectories: true)
    let result = try place.intray("plan", spec, environment: ["TMPDIR": "\(place.path)/tmp"])
    #expect(result.status == 0, "\(result.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/tmp").isEmpty)
    #expect(!place.exists("Outbox"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/.intray") == ["models"])
    #expect(
      try Set(FileManager.default.contentsOfDirectory(atPath: "\(place.path)/my batch"))
        == ["input.csv", "job.yaml", "train.csv"])
  }

  @Test func `what would fail the job fails its plan with the same words and code`() throws {
    let (place, spec) = try finetune(labels: ["red"])
    let planned = try place.intray("plan", spec)
    #expect(planned.status == IntrayError.Code.data.exitCode)
    #expect(planned.output.isEmpty)
    #expect(planned.errors.contains("train.csv: all 60 rows have the label 'red'"))
    let run = try place.intray("run", spec)
    #expect(run.status == planned.status)
    #expect(run.errors.hasSuffix(planned.errors))
    let (other, noModel) = try finetune("{model: tony}")
    let missing = try other.intray("plan", noModel)
    #expect(missing.status == IntrayError.Code.model.exitCode)
    #expect(missing.errors.contains("did you mean 'tiny'?"))
  }

  @Test func `a runner in C plans too, without a model store`() throws {
    let place = try Workplace()
    let result = try place.intray("plan", place.spec("job", with: "{repeat: 3, delay_ms: 2000}"), "--json")
    let plan = try result.json(Report.self).plan
    #expect(plan.steps == 3)
    #expect(plan.seconds >= 6)
    #expect(plan.learningRates.isEmpty)
    let failing = try place.intray("plan", place.spec("job", with: "{fail: permanent}"))
    #expect(failing.status == IntrayError.Code.data.exitCode)
    #expect(failing.errors.contains("the spec asks to fail"))
  }

  @Test func `a runner that was built before there were plans runs, and says that it cannot plan`() throws {
    let place = try Workplace()
    let compiled = try Program("/bin/sh", in: place.path)(
      "-ec",
      """
      "$(command -v cc || command -v clang)" -shared -fPIC '-DNAME="abi-1-0"' \
        -I '\(Checkout.root)/Sources/CIntrayPlugin/include' '\(Checkout.fixture("plugins/abi-1-0.c"))' \
        -o plugins/libAbi-1-0.so
      """)
    #expect(compiled.status == 0, "\(compiled.errors)")
    try place.folder.write("run: abi-1-0\n", to: "my batch/old.yaml")
    let plan = try place.intray("plan", "my batch/old.yaml")
    #expect(plan.status == IntrayError.Code.unavailable.exitCode)
    #expect(plan.errors.contains("the runner 'abi-1-0' cannot plan"))
    let run = try place.intray("run", "my batch/old.yaml")
    #expect(run.status == 0, "\(run.errors)")
  }
}
