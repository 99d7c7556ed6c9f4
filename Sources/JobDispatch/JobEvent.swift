import IntrayCore
import JobStore
import WorkerLink

/// What happens to a job, for whoever tells people about it.
public enum JobEvent: Sendable {
  case queued
  /// An attempt begins.
  case started
  /// An attempt begins that goes on where an earlier one was.
  case resumed
  case log(LogLine)
  case progress(JobProgress)
  /// The attempt failed; there will be another.
  case attemptFailed(IntrayError, retryIn: Duration)
  /// The attempt ended because the service stops; the job is in the queue.
  case stopped
  /// A person holds it: it is in the queue, and does not start.
  case held
  /// A person holds it no longer.
  case released
  /// It was planned to take so many bytes, more than are free now; it is in the queue.
  case doesNotFit(bytes: Int)
  /// The result is made and cannot be published yet.
  case publishingFailed(IntrayError, retryIn: Duration)
  case done(folder: String)
  /// It will not run; `folder` has the files and the reason, nil when they stayed where they were.
  case rejected(IntrayError, folder: String?)
  case cancelled(folder: String?)
  /// The disk or the store refused a step of the host's own; it will be repeated.
  case delayed(IntrayError)
}
