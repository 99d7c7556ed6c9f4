import ArgumentParser
import CKernels
import FileKit
import Foundation
import IntrayCore
import ModelStore
import PluginHost
import SpecFile
import Tensors

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check this machine: CPU, kernels, speed, systemd, folders, plugins, models.",
    discussion: "Exit code 69 when something is wrong that keeps jobs from running.")

  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  struct Finding: Encodable {
    enum Verdict: String, Encodable { case ok, note, problem }
    var topic: String
    var verdict: Verdict
    var text: String
    var hint: String?
  }

  private struct Report: Encodable {
    var version = IntrayVersion.current
    var findings: [Finding]
  }

  func run() throws {
    var findings = [cpu(), memory(), systemd()] + speed()
    do {
      let configuration = try configuration.read()
      findings += folders(configuration) + plugins(configuration) + [models(configuration)]
    } catch {
      findings.append(problem("configuration", error))
    }
    let isWell = !findings.contains { $0.verdict == .problem }
    if format.json {
      try Output.json(Report(findings: findings))
    } else {
      print("intray \(IntrayVersion.current)")
      Output.table(
        nil,
        findings.map { finding in
          let mark = finding.verdict == .ok ? "ok" : finding.verdict == .note ? "note" : "PROBLEM"
          return [mark, finding.topic, finding.text + (finding.hint.map { "; \($0)" } ?? "")]
        })
    }
    if !isWell { throw ExitCode(IntrayError.Code.unavailable.exitCode) }
  }

  private func problem(_ topic: String, _ error: any Error) -> Finding {
    var error = IntrayError(error)
    let hint = error.hint
    error.hint = nil
    return Finding(topic: topic, verdict: .problem, text: error.description, hint: hint)
  }

  // MARK: - The machine

  private func cpu() -> Finding {
    let processor = Processor.current()
    let features = processor.features.joined(separator: " ")
    return Finding(
      topic: "cpu", verdict: processor.level == "x86-64" ? .note : .ok,
      text: "\(processor.name), \(processor.threads) threads, kernels for \(processor.level) (\(features))",
      hint: processor.level == "x86-64" ? "without AVX2 training is several times slower" : nil)
  }

  private func memory() -> Finding {
    let total = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return Finding(
      topic: "memory", verdict: total < 2 << 30 ? .note : .ok, text: Output.size(total),
      hint: total < 2 << 30 ? "fine-tuning a small model takes about 1 GiB" : nil)
  }

  private func systemd() -> Finding {
    // sd_booted(3)
    let isThere = (try? Files.status("/run/systemd/system")) != nil
    return Finding(
      topic: "systemd", verdict: .ok,
      text: isThere ? "is the service manager" : "is not running; intrayd runs without it")
  }

  private func speed() -> [Finding] {
    let threads = ProcessInfo.processInfo.activeProcessorCount
    return Precision.allCases.map { precision in
      guard precision.isNative else {
        return Finding(
          topic: "speed.\(precision.rawValue)", verdict: .ok,
          text: "no instructions for it; computed with \(precision.instructions)")
      }
      let one = ProductSpeed.gigaflops(precision, threads: 1)
      let all = threads == 1 ? one : ProductSpeed.gigaflops(precision, threads: threads)
      return Finding(
        topic: "speed.\(precision.rawValue)", verdict: .ok,
        text: String(format: "%.0f GFLOP/s with one thread, %.0f with %d", one, all, threads)
          + " (\(precision.instructions))")
    }
  }

  // MARK: - The installation

  private func folders(_ configuration: Configuration) -> [Finding] {
    var findings: [Finding] = []
    var devices: [String: UInt64] = [:]
    for (topic, path) in [
      ("inbox", configuration.inbox), ("outbox", configuration.outbox), ("state", configuration.state),
    ] {
      do {
        guard let status = try Files.status(path) else {
          findings.append(
            Finding(topic: topic, verdict: .note, text: "\(path) does not exist", hint: "intrayd makes it"))
          continue
        }
        devices[topic] = status.device
        let free = try Files.freeBytes(path)
        if access(path, W_OK | X_OK) != 0 {
          findings.append(
            Finding(
              topic: topic, verdict: .note, text: "\(path) cannot be written by you", hint: "intrayd must be able to"))
        } else {
          let isLow = free < 1 << 30
          findings.append(
            Finding(
              topic: topic, verdict: isLow ? .note : .ok, text: "\(path), \(Output.size(free)) free",
              hint: isLow ? "a job needs several times its model's size" : nil))
        }
      } catch {
        findings.append(problem(topic, error))
      }
    }
    if let inbox = devices["inbox"], let state = devices["state"], inbox != state {
      findings.append(
        Finding(
          topic: "state", verdict: .problem, text: "inbox and state lie on different file systems",
          hint: "a claim is a rename: put both on one"))
    }
    return findings
  }

  private func plugins(_ configuration: Configuration) -> [Finding] {
    do {
      let (runners, broken) = try configuration.catalog().list()
      let names = runners.map { "\($0.description.name) \($0.description.version)" }.joined(separator: ", ")
      let found =
        runners.isEmpty
        ? Finding(topic: "plugins", verdict: .problem, text: "no runner in \(configuration.plugins)")
        : Finding(topic: "plugins", verdict: .ok, text: names)
      return [found] + broken.map { problem("plugins", $0.error) }
    } catch {
      return [problem("plugins", error)]
    }
  }

  private func models(_ configuration: Configuration) -> Finding {
    do {
      let names = try ModelStore(configuration).names()
      if names.isEmpty {
        return Finding(
          topic: "models", verdict: .note, text: "none in \(configuration.models)", hint: "`intray models add DIR`")
      }
      return Finding(topic: "models", verdict: .ok, text: names.joined(separator: ", "))
    } catch {
      return problem("models", error)
    }
  }
}

/// What /proc/cpuinfo says of the first CPU.
private struct Processor {
  var name: String
  var threads: Int
  /// The x86-64 level whose kernels the engine takes (x86-64 psABI, "microarchitecture levels").
  var level: String
  /// The features that matter to the engine.
  var features: [String]

  static func current() -> Processor {
    // Not a regular file: its size is 0, so it is read here and not through FileKit.
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    func field(_ name: String) -> String {
      let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
      return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
    }
    let flags = Set(field("flags").split(separator: " ").map(String.init))
    let level =
      flags.isSuperset(of: ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"])
      ? "x86-64-v4" : flags.isSuperset(of: ["avx2", "fma", "bmi2"]) ? "x86-64-v3" : "x86-64"
    let known = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"]
    let name = field("model name")
    return Processor(
      name: name.isEmpty ? "unknown CPU" : name, threads: ProcessInfo.processInfo.activeProcessorCount, level: level,
      features: known.filter(flags.contains))
  }
}

/// The speed of a product in the shape of an encoder layer's: [tokens, 384] x [384, 1536].
private enum ProductSpeed {
  static func gigaflops(_ precision: Precision, threads: Int) -> Double {
    let (m, k, n) = (512, 384, 1536)
    let pool = ThreadPool(threads: threads)
    let weight = Tensor([n, k])
    for index in 0..<weight.count { weight.data[index] = Float(index % 5) }
    let right = Panels(precision)
    right.reserve(columns: n, depth: k)
    right.pack(transposed: weight)
    let left = Buffer()
    left.reserve(threads * m * k, precision)
    memset(left.bytes, 1, threads * m * k * precision.size)
    let scales = Tensor([m])
    let product = Tensor([threads * m, n])
    func multiply() {
      pool.run(.measuring, chunks: threads) { chunk in
        var work = CKernels.product(
          rows: m, of: left.bytes + chunk * m * k * precision.size, by: right, scales: UnsafePointer(scales.data))
        work.store(product.data + chunk * m * n)
      }
    }
    multiply()
    let begin = ContinuousClock.now
    var rounds = 0
    var elapsed = Duration.zero
    while elapsed < .milliseconds(300) {
      multiply()
      rounds += 1
      elapsed = ContinuousClock.now - begin
    }
    let operations = 2 * Double(threads * m) * Double(k) * Double(n) * Double(rounds)
    return operations / (elapsed / .seconds(1)) / 1e9
  }
}
