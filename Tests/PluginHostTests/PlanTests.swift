import Foundation
import IntrayCore
import PluginHost
import TestSupport
import Testing
import WorkerLink

/// What a plan says is held against what the run then does.
@Suite("The plans of finetune and infer")
struct PlanTests {
  private static let labels = ["red", "green", "blue"]

  private func finetune(_ with: [String: JSONValue] = [:], rows: Int = 90, size: TinyModel.Size = .tiny) throws
    -> Workbench
  {
    let runner = try #require(RunnerCase.all.first { $0.name == "finetune" })
    let bench = try runner.workbench()
    bench.spec.with.merge(["epochs": 2, "checkpoint_seconds": 3600]) { $1 }
    bench.spec.with.merge(with) { $1 }
    try bench.folder.write(TinyModel.csv(rows: rows, labels: Self.labels), to: "input/train.csv")
    try TinyModel.write(to: "\(bench.models)/tiny", size: size)
    return bench
  }

  @Test(
    "Steps and tokens are what the run does",
    arguments: [[:], ["folds": 3, "validation": 0], ["validation": 0, "accumulate": 3]] as [[String: JSONValue]])
  func counts(with: [String: JSONValue]) throws {
    let bench = try finetune(with)
    let plan = try bench.plan()
    let attempt = try bench.run()
    #expect(attempt.exit == .finished)
    let metrics = try JSON.decode(
      JSONValue.self, from: Data(contentsOf: URL(fileURLWithPath: "\(bench.output)/metrics.json")), path: "metrics")
    #expect(plan.trainedTokens == metrics["trained_tokens"]?.int)
    let steps = try #require(attempt.reports.last?.metrics["steps"]?.int)
    #expect(plan.steps == steps * (with["folds"]?.int ?? 1))
    #expect(plan.data["train"]?.rows == 90)
    #expect(plan.data["test"]?.rows == 20)
    // Eight words of one piece each between [CLS] and [SEP].
    #expect(plan.data["train"]?.tokens == 900)
    #expect(plan.data["train"]?.longestTokens == 10)
    #expect(plan.data["train"]?.tokensTruncated == 0)
  }

  @Test("Tokens that do not fit are counted")
  func truncation() throws {
    let plan = try finetune(["max_length": 7]).plan()
    #expect(
      plan.data["train"]
        == JobPlan.Rows(rows: 90, rowsTruncated: 90, tokens: 630, tokensTruncated: 270, longestTokens: 7))
  }

  @Test("Every tensor of the model that the run saves has its learning rate", arguments: ["mean", "pooler"])
  func learningRates(head: String) throws {
    let bench = try finetune(["head": .string(head), "layer_decay": 0.5, "learning_rate": 1e-3])
    let plan = try bench.plan()
    #expect(try bench.run().exit == .finished)
    let file = try Data(contentsOf: URL(fileURLWithPath: "\(bench.output)/model/model.safetensors"))
    let length = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    let header: JSONValue = try JSON.decode(from: Data(file[8..<8 + length]), path: "header")
    var tensors = try #require(header.object)
    tensors["__metadata__"] = nil
    #expect(Set(plan.learningRates.map(\.name)) == Set(tensors.keys))
    #expect(plan.learningRates.count == tensors.count)
    for rate in plan.learningRates {
      #expect(tensors[rate.name]?["shape"] == .array(rate.shape.map { .int($0) }), "\(rate.name)")
      let expected =
        switch rate.group {
        case "embeddings": 2.5e-4
        case "encoder.layer.0": 5e-4
        case "encoder.layer.1", "pooler": 1e-3
        default: 1e-2
        }
      #expect(rate.learningRate == expected, "\(rate.name)")
      #expect(rate.weightDecay == 0.01)
    }
    let elements = plan.learningRates.reduce(0) { $0 + $1.shape.reduce(1, *) }
    #expect(plan.parameters == elements)
    #expect(plan.trainableParameters == elements)
  }

  @Test("What would fail the run fails its plan with the same error")
  func sameErrors() throws {
    let oneLabel = try finetune()
    try oneLabel.folder.write("id,text,label\n1,a,x\n2,b,x\n", to: "input/train.csv")
    let error = try #require(try oneLabel.run().error)
    #expect(error.code == .data)
    #expect(try oneLabel.run(to: .plan).error == error)
    let noModel = try finetune(["model": "none"])
    #expect(try noModel.run(to: .plan).error == noModel.run().error)
    #expect(try noModel.run(to: .plan).error?.code == .model)
  }

  @Test(
    "The memory is within a third of what the worker takes at its height",
    arguments: [(1, 64, "fp32", "normal"), (2, 8, "fp32", "normal"), (2, 64, "bf16", "normal"), (1, 64, "bf16", "low")])
  func memory(threads: Int, batchSize: Int, precision: String, memory: String) throws {
    let bench = try finetune(
      [
        "batch_size": .int(batchSize), "max_length": 64, "epochs": 1, "precision": .string(precision),
        "memory": .string(memory),
      ], rows: 192, size: .small)
    bench.threads = threads
    let text = Array(repeating: "word1", count: 60).joined(separator: " ")
    let rows = (0..<192).map { "r\($0),\(text),\(Self.labels[$0 % 3])" }
    try bench.folder.write((["id,text,label"] + rows).joined(separator: "\n"), to: "input/train.csv")
    let plan = try bench.plan()
    var peak = 0
    let attempt = try bench.run(onMessage: { worker, _ in peak = max(peak, Self.peak(of: worker.pid)) })
    #expect(attempt.exit == .finished)
    let estimate = plan.memoryBytes
    #expect(peak > 100 << 20)
    #expect(
      Double(abs(estimate - peak)) < 0.35 * Double(peak),
      "estimated \(estimate >> 20) MiB, taken \(peak >> 20) MiB; \(plan.memoryParts.mapValues { $0 >> 20 })")
  }

  @Test("A plan of infer counts all rows, also none, and finds what is wrong with them", arguments: [0, 1, 5000])
  func infer(rows: Int) throws {
    let runner = try #require(RunnerCase.all.first { $0.name == "infer" })
    let bench = try runner.workbench()
    try bench.folder.write(TinyModel.csv(rows: rows, labels: nil), to: "input/input.csv")
    let plan = try bench.plan()
    #expect(
      plan.data["input"]
        == JobPlan.Rows(
          rows: rows, rowsTruncated: 0, tokens: 10 * rows, tokensTruncated: 0, longestTokens: rows > 0 ? 10 : 0))
    #expect(plan.predictedTokens == 10 * rows)
    #expect(plan.trainableParameters == 0 && plan.learningRates.isEmpty)
    bench.spec.data.columns.label = "label"
    try bench.folder.write(TinyModel.csv(rows: rows, labels: ["red"]) + "x,word1,purple\n", to: "input/input.csv")
    let error = try #require(try bench.run(to: .plan).error)
    #expect(error.message == "input.csv:\(rows + 2): label 'purple' is unknown to the model")
    #expect(try bench.run().error == error)
  }

  /// The most resident memory that a process had so far, in bytes (proc(5), VmHWM).
  private static func peak(of pid: Int32) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }
}
