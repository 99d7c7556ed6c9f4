import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct RunTests {
  private struct Report: Decodable {
    var folder: String
    var isEarlier: Bool
    var metrics: [String: JSONValue]
  }

  @Test func `a job runs without a daemon and prints its result folder`() throws {
    let place = try Workplace()
    let result = try place.intray("run", place.spec("job", with: "{repeat: 2}"))
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.hasPrefix("\(place.path)/Outbox/job\n"))
    #expect(result.output.contains("lines:"))
    #expect(try place.text("Outbox/job/input.csv") == "id,text\n1,one\n2,two\nid,text\n1,one\n2,two\n")
    #expect(place.exists("my batch/input.csv"), "the batch stays where it is")
  }

  @Test func `the same job is answered with the earlier result`() throws {
    let place = try Workplace()
    let spec = try place.spec("job")
    #expect(try place.intray("run", spec, "--json").json(Report.self).isEarlier == false)
    let again = try place.intray("run", spec, "--json").json(Report.self)
    #expect(again.isEarlier)
    #expect(again.metrics["lines"] == 3)
    #expect(again.folder == "\(place.path)/Outbox/job")
  }

  @Test func `the outbox can be another folder`() throws {
    let place = try Workplace()
    #expect(try place.intray("run", place.spec("job"), "--outbox", "else where").status == 0)
    #expect(place.exists("else where/job/manifest.json"))
    #expect(!place.exists("Outbox/job"))
  }

  @Test func `a job that fails ends with its error's code and leaves no result`() throws {
    let place = try Workplace()
    let result = try place.intray("run", place.spec("job", with: "{fail: permanent}"))
    #expect(result.status == IntrayError.Code.data.exitCode)
    #expect(result.errors.contains("the spec asks to fail"))
    #expect(result.errors.contains("set 'fail: none'"))
    #expect(!place.exists("Outbox/job"))
  }

  @Test func `a failure that may pass is tried again`() throws {
    let place = try Workplace()
    let result = try place.intray("run", place.spec("job", with: "{fail: first_attempt}"))
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("attempt 2 begins"))
  }

  @Test func `a crash is told with the signal's name and ends with 70`() throws {
    let place = try Workplace()
    let result = try place.intray("run", place.spec("job", with: "{fail: crash}"))
    #expect(result.status == IntrayError.Code.crashed.exitCode)
    #expect(result.errors.contains("SIGABRT"))
  }

  @Test func `SIGINT saves the state, and the same command goes on`() throws {
    let place = try Workplace()
    let spec = try place.spec("job", with: "{repeat: 4, delay_ms: 400}")
    let process = TestProcess("\(Checkout.products)/intray", ["run", spec], folder: place.path)
    let errors = Pipe()
    try process.run(errors: errors)
    // The first progress line: a checkpoint is saved.
    _ = errors.fileHandleForReading.availableData
    process.send(SIGINT)
    let rest = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == IntrayError.Code.cancelled.exitCode)
    #expect(String(decoding: rest, as: UTF8.self).contains("goes on"))
    let second = try place.intray("run", spec)
    #expect(second.status == 0, "\(second.errors)")
    #expect(second.errors.contains("going on from the checkpoint"))
    #expect(try place.text("Outbox/job/input.csv").split(separator: "\n").count == 12)
  }

  @Test(arguments: [
    ("run: ecko\n", "job.yaml:1:6: unknown runner 'ecko'; did you mean 'echo'?"),
    ("run: echo\ndata: {input: input.csv}\nwith: {repeet: 2}\n", "job.yaml:3:8: "),
    ("run: echo\ndata: {input: none.csv}\n", "none.csv: "),
    ("run: echo\ndata: {input: ../input.csv}\n", "job.yaml:2:15: "),
    ("run: [echo\n", "job.yaml:"),
  ])
  func `a spec with a fault is refused with its place`(text: String, message: String) throws {
    let place = try Workplace()
    try place.folder.write(text, to: "my batch/job.yaml")
    for command in ["validate", "plan", "run", "submit"] {
      let result = try place.intray(command, "my batch/job.yaml")
      #expect([65, 66, 78].contains(result.status), "\(command): \(result.errors)")
      #expect(result.errors.contains("intray: \(message)"), "\(command): \(result.errors)")
    }
  }

  @Test func `validate shows the job that a run makes`() throws {
    let place = try Workplace()
    let spec = try place.spec("job", with: "{repeat: 2}")
    let shown = try place.intray("validate", spec)
    #expect(shown.status == 0, "\(shown.errors)")
    #expect(shown.output.contains("delay_ms: 0"), "defaults are filled in")
    let json = try place.intray("validate", spec, "--json").json(JSONValue.self)
    #expect(try place.intray("run", spec).status == 0)
    let manifest = try JSON.decode(JSONValue.self, from: place.text("Outbox/job/manifest.json"), path: "manifest.json")
    #expect(manifest["job"] == json["job"])
    // What validate prints is what the result holds.
    #expect(try shown.output.hasSuffix(place.text("Outbox/job/job.yaml")))
  }

  @Test func `validate notes a model that is not there yet`() throws {
    let place = try Workplace()
    try FileManager.default.copyItem(
      atPath: "\(Checkout.products)/libInfer.so", toPath: "\(place.path)/plugins/libInfer.so")
    try place.folder.write(
      "run: infer\ndata: {input: input.csv, columns: {text: text}}\nwith: {model: papers}\n", to: "my batch/job.yaml")
    let result = try place.intray("validate", "my batch/job.yaml")
    #expect(result.status == 0)
    #expect(result.errors.contains("no model 'papers'"))
  }
}
