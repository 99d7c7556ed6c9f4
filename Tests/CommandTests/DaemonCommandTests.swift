import Foundation
import IntrayCore
import TestSupport
import Testing

/// The commands that talk to a running daemon.
@Suite struct DaemonCommandTests {
  private struct Report: Decodable {
    var isRunning: Bool
    var counts: [String: Int]
    var jobs: [Job]
  }

  private struct Job: Decodable {
    var id: JobID
    var name: String
    var state: JobState
    var folder: String?
  }

  @Test func `a batch is submitted, waited for, listed and its log read`() throws {
    let place = try Workplace()
    try place.startDaemon()
    let submitted = try place.intray("submit", place.spec("job", with: "{repeat: 2}"), "--wait")
    #expect(submitted.status == 0, "\(submitted.errors)")
    #expect(submitted.output == "\(place.path)/Outbox/job\n")

    let status = try place.intray("status", "--json").json(Report.self)
    #expect(status.isRunning)
    #expect(status.counts == ["done": 1])
    #expect(status.jobs.map(\.name) == ["job"])
    let id = try #require(status.jobs.first?.id.rawValue)
    for name in ["job", id, String(id.prefix(6))] {
      #expect(try place.intray("status", name, "--json").json(Job.self).id.rawValue == id)
    }
    #expect(try place.intray("status").output.contains("Outbox/job"))

    let log = try place.intray("logs", "job")
    #expect(log.output.contains("all copies are made"))
    #expect(try place.intray("logs", "job", "--json").output == place.text("Outbox/job/log.jsonl"))
  }

  @Test func `submit tells a job's failure by its exit code, and retry runs it again`() throws {
    let place = try Workplace()
    try place.startDaemon()
    let result = try place.intray("submit", place.spec("bad", with: "{fail: permanent}"), "--wait")
    #expect(result.status == IntrayError.Code.data.exitCode)
    #expect(result.errors.contains("the spec asks to fail"))
    #expect(place.exists(".intray/rejected/bad/reason.txt"))
    let retried = try place.intray("retry", "bad")
    #expect(retried.status == 0, "\(retried.errors)")
  }

  @Test func `logs --follow ends with the job, and cancel ends it`() throws {
    let place = try Workplace()
    try place.startDaemon()
    #expect(try place.intray("submit", place.spec("slow", with: "{repeat: 100, delay_ms: 60000}")).status == 0)
    var state: JobState?
    while state != .running {
      state = try? place.intray("status", "slow", "--json").json(Job.self).state
    }
    let follow = TestProcess("\(Checkout.products)/intray", ["logs", "--follow", "slow"], folder: place.path)
    let output = Pipe()
    try follow.run(output: output)
    #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).contains("attempt 1 begins"))
    let cancelled = try place.intray("cancel", "slow")
    #expect(cancelled.status == 0, "\(cancelled.errors)")
    follow.waitUntilExit()
    #expect(follow.terminationStatus == IntrayError.Code.cancelled.exitCode)
    #expect(try place.intray("status", "slow", "--json").json(Job.self).state == .cancelled)
  }

  @Test func `without a daemon, submit drops the batch and says so, and control says who is missing`() throws {
    let place = try Workplace()
    try place.folder.write("", to: "Inbox/.keep")
    let submitted = try place.intray("submit", place.spec("job"))
    #expect(submitted.status == 0)
    #expect(submitted.errors.contains("intrayd is not running"))
    #expect(submitted.output == "\(place.path)/Inbox/job\n")
    #expect(place.exists("Inbox/job/input.csv"))
    #expect(try place.intray("submit", place.spec("job")).output == "\(place.path)/Inbox/job-2\n")
    for command in ["cancel", "retry"] {
      #expect(try place.intray(command, "job").status == IntrayError.Code.unavailable.exitCode)
    }
    #expect(try place.intray("status").status == IntrayError.Code.missing.exitCode)

    // The daemon finds both when it starts.
    try place.startDaemon()
    let waited = try place.intray("submit", place.spec("job"), "--wait")
    #expect(waited.status == 0, "\(waited.errors)")
  }

  @Test func `a folder that holds .intray-ignore is left alone`() throws {
    let place = try Workplace()
    try place.folder.write("", to: "Inbox/examples/.intray-ignore")
    try place.folder.write("a\n1\n", to: "Inbox/examples/input.csv")
    try place.folder.write("run: echo\ndata: {input: input.csv}\n", to: "Inbox/examples/job.yaml")
    try place.startDaemon()
    // What came after it is done; it would have come first.
    #expect(try place.intray("submit", place.spec("job"), "--wait").status == 0)
    #expect(place.exists("Inbox/examples/job.yaml"))
    #expect(try place.intray("status", "--json").json(Report.self).jobs.map(\.name) == ["job"])
  }

  @Test func `an unknown job is named with the nearest one`() throws {
    let place = try Workplace()
    try place.startDaemon()
    #expect(try place.intray("submit", place.spec("papers"), "--wait").status == 0)
    for command in ["status", "logs", "cancel", "retry"] {
      let result = try place.intray(command, "paper")
      #expect(result.status == IntrayError.Code.missing.exitCode)
      #expect(result.errors.contains("did you mean 'papers'?"), "\(command): \(result.errors)")
    }
  }
}
