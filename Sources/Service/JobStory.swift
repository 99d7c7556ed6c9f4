import Foundation
import IntrayCore
import JobDispatch
import JobStore
import Logging
import WorkerLink

/// Tells what happens to jobs in log lines: `journalctl -u intrayd INTRAY_JOB=...` reads like the job's story.
///
/// (1) Lines about an attempt carry the fold, epoch, step and loss that the runner reported last.
/// (2) However much a job logs, a bounded number of lines goes out.
final class JobStory {
  let logger: Logger
  private var chapters: [JobID: Chapter] = [:]

  /// What is remembered of a job that runs.
  private struct Chapter {
    var metrics: [String: String] = [:]
    var details = JournalBudget(now: .now)
    /// A flood of other lines must not hide what is wrong.
    var alarms = JournalBudget(now: .now)
    /// Tenths of the way that were told.
    var tenths = 0
    var told = SuspendingClock.now
  }

  /// So that the end of a short job is not hidden among its tenths.
  private static let progressInterval = Duration.seconds(10)

  init(logger: Logger) { self.logger = logger }

  func tell(_ job: JobRecord, _ event: JobEvent) {
    switch event {
    case .log, .progress: break
    default: if job.state != .running { chapters[job.id] = nil }
    }
    switch event {
    case .queued:
      say(job, .notice, "queued", .queued, stage: "queue")
    case .started:
      say(job, .notice, "attempt 1 begins", .started, stage: "attempt")
    case .resumed:
      say(job, .notice, "attempt \(job.attempts) begins and goes on from the checkpoint", .resumed, stage: "attempt")
    case .log(let line): tell(job, line)
    case .progress(let progress): tell(job, progress)
    case .attemptFailed(let error, let delay):
      say(
        job, .warning, "attempt \(job.attempts) failed: \(error); the next one begins in \(words(delay))",
        .attemptFailed, stage: "attempt")
    case .stopped:
      say(job, .notice, "stopped; it goes on when the service is back", stage: "attempt")
    case .held: say(job, .notice, "held: it waits for `intray release`", stage: "queue")
    case .released: say(job, .notice, "released", stage: "queue")
    case .doesNotFit(let bytes):
      say(job, .notice, "planned to take \(bytes >> 20) MiB of memory; it waits until they are free", stage: "queue")
    case .publishingFailed(let error, let delay):
      say(
        job, .error, "the result is made and cannot be published: \(error); tried again in \(words(delay))",
        .publishingFailed, stage: "publish")
    case .done(let folder):
      say(job, .notice, "done: \(folder)", .done, stage: "publish")
    case .rejected(let error, let folder):
      say(job, .error, "rejected: \(error)" + (folder.map { "; the files are in \($0)" } ?? ""), .rejected)
    case .cancelled(let folder):
      say(job, .notice, "cancelled" + (folder.map { "; the files are in \($0)" } ?? ""), .cancelled)
    case .delayed(let error):
      say(job, .error, "\(error); tried again in a few seconds")
    }
  }

  private func tell(_ job: JobRecord, _ line: LogLine) {
    let isAlarm = line.level.rawValue <= LogLine.Level.warning.rawValue
    let budget = isAlarm ? \Chapter.alarms : \Chapter.details
    guard let suppressed = chapters[job.id, default: Chapter()][keyPath: budget].take(now: .now) else { return }
    if suppressed > 0 {
      say(job, .notice, "\(suppressed) lines are in the job's log only", stage: "attempt")
    }
    var fields = chapters[job.id]?.metrics ?? [:]
    for (key, value) in line.fields { fields[key.lowercased()] = value }
    say(job, Logger.Level(line.level), line.message, stage: "attempt", fields: fields)
  }

  /// Each tenth of the way, as far as they do not come one upon the other.
  private func tell(_ job: JobRecord, _ progress: JobProgress) {
    var chapter = chapters[job.id, default: Chapter()]
    chapter.metrics = Self.fields(progress.metrics)
    let tenths = Int(progress.fraction * 10)
    let isDue = tenths > chapter.tenths && SuspendingClock.now - chapter.told >= Self.progressInterval
    if isDue { (chapter.tenths, chapter.told) = (tenths, .now) }
    chapters[job.id] = chapter
    guard isDue else { return }
    say(
      job, .info, "\(Int(progress.fraction * 100))%" + Self.words(progress.metrics), stage: "attempt",
      fields: chapter.metrics)
  }

  private static func fields(_ metrics: [String: JSONValue]) -> [String: String] {
    var fields: [String: String] = [:]
    for key in LogField.progress { fields[key] = metrics[key].flatMap { try? JSON.text($0) } }
    return fields
  }

  /// ` (fold 1, epoch 2, step 450 of 750, loss 0.93)`
  static func words(_ metrics: [String: JSONValue]) -> String {
    let words = LogField.progress.compactMap { key -> String? in
      switch metrics[key] {
      case .int(let value):
        if key == "step", case .int(let all)? = metrics["steps"] { return "step \(value) of \(all)" }
        return "\(key) \(value)"
      case .double(let value): return "\(key) \(String(format: "%.3g", value))"
      case nil, .null, .bool, .string, .array, .object: return nil
      }
    }
    return words.isEmpty ? "" : " (\(words.joined(separator: ", ")))"
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
    _ job: JobRecord, _ level: Logger.Level, _ text: String, _ outcome: Outcome? = nil, stage: String? = nil,
    fields: [String: String] = [:]
  ) {
    var metadata: Logger.Metadata = [LogField.job: "\(job.id)"]
    if !job.runner.isEmpty { metadata[LogField.runner] = "\(job.runner)" }
    if let stage { metadata[LogField.stage] = "\(stage)" }
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
