import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct DoctorTests {
  private struct Report: Decodable {
    struct Finding: Decodable {
      var topic: String
      var verdict: String
      var text: String
    }
    var findings: [Finding]
  }

  @Test func `a whole installation has no problem`() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "Inbox/.keep")
    try FileManager.default.createDirectory(atPath: "\(folder.path)/plugins", withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: "\(Checkout.products)/libEcho.so", toPath: "\(folder.path)/plugins/libEcho.so")
    try folder.write("plugins: plugins\n", to: "intray.yaml")
    let result = try Program(in: folder.path)("doctor", "--json")
    #expect(result.status == 0)
    let report = try result.json(Report.self)
    for topic in [
      "cpu", "memory", "systemd", "speed.fp32", "speed.bf16", "speed.int8", "inbox", "outbox", "state", "plugins",
      "models",
    ] {
      #expect(report.findings.contains { $0.topic == topic && $0.verdict != "problem" }, "\(topic)")
    }
  }

  @Test func `a broken configuration is a problem, with its place`() throws {
    let folder = try TemporaryFolder()
    try folder.write("inbx: Inbox\n", to: "intray.yaml")
    let result = try Program(in: folder.path)("doctor")
    #expect(result.status == IntrayError.Code.unavailable.exitCode)
    #expect(result.output.contains("intray.yaml:1:1: "))
    #expect(result.output.contains("did you mean 'inbox'?"))
  }

  @Test func `an empty plugins folder is a problem`() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "plugins/.keep")
    try folder.write("plugins: plugins\n", to: "intray.yaml")
    let result = try Program(in: folder.path)("doctor")
    #expect(result.status == IntrayError.Code.unavailable.exitCode)
    #expect(result.output.contains("no runner in"))
  }
}
