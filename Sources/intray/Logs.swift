import ArgumentParser
import Foundation
import IntrayCore
import JobStore
import SpecFile
import WorkerLink

struct Logs: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a job's log.",
    discussion: """
      With --follow the exit code is the job's: 0 when it is done, 75 when it was cancelled, the error's own when it was \
      rejected.
      """)

  @Argument(help: "A job: its id, the beginning of its id, or its name.")
  var job: String
  @Flag(name: [.short, .long], help: "Go on until the job has come to its end, with its progress on standard error.")
  var follow = false
  @OptionGroup var configuration: ConfigurationOption
  @OptionGroup var format: FormatOption

  func run() throws {
    let state = StateFolder(try configuration.read().state)
    let store = try JobStore(readOnly: state.store)
    let job = try store.job(matching: job)
    let watch = JobWatch(store: store, state: state)
    guard follow else { return printLines(try watch.newLines(of: job)) }
    let bar = ProgressBar()
    let ended = try watch.follow(
      job.id, onLines: { lines in bar.standAside { printLines(lines) } }, onChange: { bar.show($0.progress) })
    bar.end()
    try ended.throwUnlessDone()
  }

  private func printLines(_ lines: [Substring]) {
    for line in lines {
      if !format.json, let parsed = try? JSON.decode(LogLine.self, from: String(line), path: "log.jsonl") {
        print(parsed.text)
      } else {
        print(Output.visible(String(line)))
      }
    }
    fflush(nil)
  }
}
