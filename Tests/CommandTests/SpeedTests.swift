import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct SpeedTests {
  private struct Report: Decodable {
    struct Line: Decodable {
      var work: String
      var precision: String
      var threads: Int
      var tokens_per_s: Double
      var phase_seconds: [String: Double]
    }
    var texts: Int
    var tokens: Int
    var speeds: [Line]
  }

  private let texts = (1...20).map { Array(repeating: "word7", count: $0).joined(separator: " ") + "\n" }.joined()

  private func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try TinyModel.write(to: "\(folder.path)/.intray/models/tiny")
    return folder
  }

  @Test func `one thread and two take turns at training and inference`() throws {
    let folder = try folder()
    let model = "\(folder.path)/.intray/models/tiny"
    let before = try FileManager.default.subpathsOfDirectory(atPath: model).sorted()
    let result = try Program(in: folder.path)(
      "speed", "--model", "tiny", "--precision", "fp32", "--max-length", "12", "--batch-size", "3", "--turns", "4",
      "--threads", "2", "--json", input: texts)
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSON.decode(Report.self, from: result.output, path: "output")
    #expect(report.texts == 20)
    // Ten words and two special tokens at most.
    #expect(report.tokens == (1...10).reduce(0) { $0 + $1 + 2 } + 10 * 12)
    #expect(report.speeds.map(\.work) == ["training", "training", "inference", "inference"])
    #expect(report.speeds.map(\.threads) == [1, 2, 1, 2])
    #expect(report.speeds.allSatisfy { $0.precision == "fp32" && $0.tokens_per_s > 0 })
    // The phases are within the time of the four turns, which come after two that do not count.
    func tokens(rows: Int) -> Int { (2 * rows..<6 * rows).reduce(0) { sum, row in sum + min(12, row % 20 + 3) } }
    for line in report.speeds {
      let isTraining = line.work == "training"
      let phases = line.phase_seconds.values.reduce(0, +)
      let seconds = Double(tokens(rows: isTraining ? 3 : 64)) / line.tokens_per_s
      #expect(phases > 0 && phases < seconds, "\(line)")
      #expect((line.phase_seconds["optimiser"] != nil) == isTraining)
    }
    #expect(try FileManager.default.subpathsOfDirectory(atPath: model).sorted() == before)
  }

  @Test func `a person gets a line for each`() throws {
    let folder = try folder()
    let intray = Program(in: folder.path)
    let two = try intray(
      "speed", "--model", "tiny", "--precision", "int8", "--turns", "1", "--threads", "2", input: texts)
    #expect(
      two.output.contains(
        /^inference int8: \d+ tokens\/s with 1 thread, \d+ tokens\/s with 2 threads, \d+\.\d\d times as fast\n$/))
    let one = try intray(
      "speed", "--model", "tiny", "--precision", "int8", "--turns", "1", "--threads", "1", input: texts)
    #expect(one.output.contains(/^inference int8: \d+ tokens\/s with 1 thread\n$/))
  }

  @Test func `what cannot be measured is said`() throws {
    let folder = try folder()
    let intray = Program(in: folder.path)
    let empty = try intray("speed", "--model", "tiny", input: "")
    #expect(empty.status == IntrayError.Code.data.exitCode)
    #expect(empty.errors.contains("standard input: no text to measure with"))
    #expect(try intray("speed", "--model", "tin", input: texts).errors.contains("did you mean 'tiny'?"))
    let long = try intray("speed", "--model", "tiny", "--max-length", "2", input: texts)
    #expect(long.errors.contains("--max-length must be from 3 to 100000"))
    #expect(try intray("speed", "--model", "tiny", "--precision", "fp8", input: texts).errors.contains("fp32"))
  }

  @Test func `a text longer than the model takes is an error, not a crash`() throws {
    let folder = try folder()
    let long = Array(repeating: "word7", count: 600).joined(separator: " ")
    let result = try Program(in: folder.path)("speed", "--model", "tiny", "--max-length", "600", input: long)
    #expect(result.status == IntrayError.Code.model.exitCode, "\(result.errors)")
  }
}
