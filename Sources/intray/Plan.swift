import ArgumentParser
import Foundation
import IntrayCore
import Service
import SpecFile

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a job would take: tokens, steps, the learning rate of every tensor, memory, time.",
    discussion: """
      The job's runner reads the files and opens the model as it would for the job, but computes nothing except a \
      short measurement of the speed. Memory and time are estimates, all else is counted. What would make the job \
      fail and can be seen beforehand ends this command with the same error.
      """)

  @Argument(help: "The spec; its data files lie beside it.", completion: .file(extensions: ["yaml", "yml"]))
  var spec: String
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  private struct Report: Encodable {
    var job: JobID
    var version: String
    var spec: JobSpec
    var threads: Int
    var plan: JobPlan
  }

  func run() throws {
    let configuration = try configuration.read()
    let (job, plan) = try ForegroundRun(spec: spec, configuration: configuration).plan { Output.note($0.text) }
    if format.json {
      return try Output.json(
        Report(
          job: job.id, version: job.version, spec: job.spec, threads: configuration.threads, plan: plan))
    }
    print("# job \(job.id), runner \(job.spec.run) \(job.version)")
    print(SpecWriter.yaml(job.spec))
    show(plan, threads: configuration.threads)
  }

  private func show(_ plan: JobPlan, threads: Int) {
    if !plan.learningRates.isEmpty {
      Output.table(
        ["TENSOR", "SHAPE", "GROUP", "LEARNING RATE", "WEIGHT DECAY"],
        plan.learningRates.map { rate in
          [
            rate.name, rate.shape.map(String.init).joined(separator: " x "), rate.group,
            number(rate.learningRate), number(rate.weightDecay),
          ]
        })
      print()
    }
    if !plan.data.isEmpty {
      Output.table(
        ["DATA", "ROWS", "TOKENS", "LONGEST", "ROWS CUT", "TOKENS CUT OFF"],
        plan.data.sorted { $0.key < $1.key }.map { role, rows in
          [role] + [rows.rows, rows.tokens, rows.longestTokens, rows.rowsTruncated, rows.tokensTruncated].map(grouped)
        })
      print()
    }
    Output.pairs(totals(plan, threads: threads))
  }

  private func totals(_ plan: JobPlan, threads: Int) -> [(String, String)] {
    var lines: [(String, String)] = []
    if let parameters = plan.parameters {
      let trained =
        switch plan.trainableParameters {
        case nil: ""
        case parameters?: ", all trained"
        case 0?: ", none trained"
        case let some?: ", \(grouped(some)) trained"
        }
      lines.append(("parameters", grouped(parameters) + trained))
    }
    if let steps = plan.steps { lines.append(("steps", grouped(steps))) }
    if let tokens = plan.trainedTokens { lines.append(("tokens trained on", grouped(tokens))) }
    if let tokens = plan.predictedTokens { lines.append(("tokens predicted", grouped(tokens))) }
    if let precision = plan.precision { lines.append(("precision", precision)) }
    let parts = plan.memoryParts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .filter { $0.value > 0 }.map { "\($0.key) \(Output.size($0.value))" }.joined(separator: ", ")
    lines.append(("memory", "about \(Output.size(plan.memoryBytes))\(parts.isEmpty ? "" : " (\(parts))")"))
    let time = Duration.seconds(min(plan.seconds, 1e12).rounded(.up)).formatted(
      .units(allowed: [.days, .hours, .minutes, .seconds], width: .narrow, maximumUnitCount: 2))
    lines.append(
      ("time", "about \(time) with \(threads) \(threads == 1 ? "thread" : "threads"), as busy as this machine is now"))
    return lines
  }

  private func number(_ value: Double) -> String { String(format: "%.4g", value) }

  /// 22,713,216
  private func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return number < 0 ? "-\(text)" : text
  }
}
