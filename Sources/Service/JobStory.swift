import IntrayCore
import JobDispatch
import JobStore
import Logging
import WorkerLink

/// Tells what happens to jobs in log lines: `journalctl -u intrayd INTRAY_JOB=...` reads like the job's story.
struct JobStory {
  let logger: Logger

  func tell(_ job: JobRecord, _ event: JobEvent) {
    switch event {
    case .queued:
      say(job, .notice, "queued", .queued, step: "queue")
    case .started:
      say(job, .notice, "attempt 1 begins", .started, step: "attempt")
    case .resumed:
      say(job, .notice, "attempt \(job.attempts) begins and goes on from the checkpoint", .resumed, step: "attempt")
    case .log(let line):
      var fields = [LogField.step: "attempt"]
      for (key, value) in line.fields { fields[key.lowercased()] = value }
      say(job, Logger.Level(line.level), line.message, fields: fields)
    case .progress: break
    case .attemptFailed(let error, let delay):
      say(
        job, .warning, "attempt \(job.attempts) failed: \(error); the next one begins in \(words(delay))",
        .attemptFailed, step: "attempt")
    case .stopped:
      say(job, .notice, "stopped; it goes on when the service is back", step: "attempt")
    case .publishingFailed(let error, let delay):
      say(
        job, .error, "the result is made and cannot be published: \(error); tried again in \(words(delay))",
        .publishingFailed, step: "publish")
    case .done(let folder):
      say(job, .notice, "done: \(folder)", .done, step: "publish")
    case .rejected(let error, let folder):
      say(job, .error, "rejected: \(error)" + (folder.map { "; the files are in \($0)" } ?? ""), .rejected)
    case .cancelled(let folder):
      say(job, .notice, "cancelled" + (folder.map { "; the files are in \($0)" } ?? ""), .cancelled)
    case .delayed(let error):
      say(job, .error, "\(error); tried again in a few seconds")
    }
  }

  /// A batch whose job is known.
  func answer(_ job: JobRecord) {
    let text =
      job.state == .done
      ? "the same job was done before: \(job.folder ?? ""); `force: true` runs it again"
      : "the same job is under way (\(job.state.rawValue))"
    say(job, .notice, text, .answered)
  }

  private func say(
    _ job: JobRecord, _ level: Logger.Level, _ text: String, _ outcome: Outcome? = nil, step: String? = nil,
    fields: [String: String] = [:]
  ) {
    var metadata: Logger.Metadata = [LogField.job: "\(job.id)"]
    if !job.runner.isEmpty { metadata[LogField.runner] = "\(job.runner)" }
    if let step { metadata[LogField.step] = "\(step)" }
    if let outcome { metadata[LogField.messageID] = "\(outcome.rawValue)" }
    // A job's own fields cannot pass for another job's, or for an outcome.
    metadata.merge(fields.mapValues { "\($0)" }) { own, _ in own }
    if outcome == nil { metadata[LogField.messageID] = nil }
    logger.log(level: level, "\(job.name): \(text)", metadata: metadata)
  }

  private func words(_ delay: Duration) -> String {
    delay.formatted(.units(allowed: [.hours, .minutes, .seconds, .milliseconds], width: .narrow))
  }
}

extension Logger.Level {
  init(_ level: LogLine.Level) {
    switch level {
    case .error: self = .error
    case .warning: self = .warning
    case .notice: self = .notice
    case .info: self = .info
    case .debug: self = .debug
    }
  }
}
