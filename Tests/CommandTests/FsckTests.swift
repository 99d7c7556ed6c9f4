import Foundation
import IntrayCore
import TestSupport
import Testing

@Suite struct FsckTests {
  private struct Report: Decodable {
    struct Disagreement: Decodable {
      var path: String
      var job: JobID?
    }
    var isRunning: Bool
    var jobs: Int
    var disagreements: [Disagreement]
  }

  @Test func `store and disk are compared, beside a daemon and without one`() throws {
    let place = try Workplace()
    #expect(try place.intray("fsck").status == IntrayError.Code.missing.exitCode)
    try place.startDaemon()
    #expect(try place.intray("submit", place.spec("job"), "--wait").status == 0)
    let agreed = try place.intray("fsck")
    #expect(agreed.status == 0 && agreed.output == "the store and the disk agree (1 jobs)\n")

    try FileManager.default.removeItem(atPath: "\(place.path)/Outbox/job/metrics.json")
    for isRunning in [true, false] {
      if !isRunning { place.stopDaemon() }
      let found = try place.intray("fsck")
      #expect(found.status == IntrayError.Code.data.exitCode)
      #expect(found.output.hasPrefix("\(place.path)/Outbox/job: is no whole result ("), "\(found.output)")
      #expect(found.output.split(separator: "\n").count == 1)
      let report = try place.intray("fsck", "--json").json(Report.self)
      #expect(report.isRunning == isRunning && report.jobs == 1)
      #expect(report.disagreements.map(\.path) == ["\(place.path)/Outbox/job"])
      #expect(report.disagreements.first?.job != nil)
    }
  }
}
