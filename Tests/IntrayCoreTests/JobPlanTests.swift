import IntrayCore
import Testing

@Suite struct JobPlanTests {
  @Test func onlyMemoryAndTimeMustBeThere() throws {
    let plan: JobPlan = try JSON.decode(
      from: #"{"memory_bytes": 1048576, "seconds": 2.5, "of_a_later_version": {}}"#, path: "plan.json")
    #expect(plan == JobPlan(memoryBytes: 1 << 20, seconds: 2.5))
    for text in [#"{"seconds": 1}"#, #"{"memory_bytes": 1}"#, "[]", #"{"memory_bytes": "1", "seconds": 1}"#] {
      #expect(throws: IntrayError.self) { try JSON.decode(JobPlan.self, from: text, path: "plan.json") }
    }
  }

  @Test(arguments: [
    ("memory_bytes", #"{"memory_bytes": -1, "seconds": 1}"#), ("seconds", #"{"memory_bytes": 1, "seconds": -1}"#),
  ])
  func aNegativeNumberIsRefused(key: String, text: String) throws {
    let error = #expect(throws: IntrayError.self) { try JSON.decode(JobPlan.self, from: text, path: "plan.json") }
    #expect(error?.message.contains("a negative \(key)") == true)
  }

  @Test func itComesBackAsItWasWritten() throws {
    let plan = JobPlan(
      memoryBytes: 7, memoryParts: ["weights": 4, "rows": 3], seconds: 0.5,
      data: ["train": .init(rows: 2, rowsTruncated: 1, tokens: 9, tokensTruncated: 3, longestTokens: 5)], steps: 4,
      trainedTokens: 18, predictedTokens: 6, parameters: 8, trainableParameters: 8, precision: "fp32",
      learningRates: [.init(name: "w", shape: [2, 4], group: "head", learningRate: 1e-3, weightDecay: 0.01)])
    let text = try JSON.text(plan)
    #expect(try JSON.decode(JobPlan.self, from: text, path: "plan.json") == plan)
    let json: JSONValue = try JSON.decode(from: text, path: "plan.json")
    #expect(json["data"]?["train"]?["tokens_truncated"] == 3)
    #expect(json["learning_rates"]?.array?.first?["learning_rate"] == 1e-3)
    #expect(json["memory_parts_bytes"]?["weights"] == 4)
    #expect(json["trained_tokens"] == 18)
  }
}
