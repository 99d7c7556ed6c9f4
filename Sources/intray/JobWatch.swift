import FileKit
import Foundation
import IntrayCore
import JobStore
import WorkerLink

/// Follows a job to its end by what the store and its log say.
final class JobWatch {
  private let store: JobStore
  private let state: StateFolder
  private let loop = EventLoop()
  /// The store is read this often: SQLite in WAL mode announces nothing.
  private let interval = Duration.milliseconds(250)
  private var offset = 0
  private var failure: (any Error)?

  init(store: JobStore, state: StateFolder) {
    self.store = store
    self.state = state
  }

  /// Calls `look` until it returns something.
  func wait<Value>(until look: @escaping () throws -> Value?) throws -> Value {
    var result: Value?
    func tick() throws {
      result = try look()
      if result != nil { return loop.stop() }
      loop.after(interval) { try tick() }
    }
    loop.after(.zero) { try tick() }
    try loop.run()
    guard let result else { throw IntrayError(.bug, "the event loop ended without a result") }
    return result
  }

  /// Calls `onLines` with the log's new lines and `onChange` with the record until the job has come to its end.
  func follow(
    _ id: JobID, onLines: @escaping ([Substring]) -> Void, onChange: @escaping (JobRecord) -> Void = { _ in }
  ) throws -> JobRecord {
    try wait { [self] in
      guard let job = try store.job(id) else {
        throw IntrayError(.missing, "job \(id) is no longer in the store", hint: "it was dropped again or retried")
      }
      // The record first: what the log says afterwards belongs to it or is newer.
      onLines(try newLines(of: job))
      onChange(job)
      return job.state.isFinal ? job : nil
    }
  }

  /// The complete lines that the log has more than at the last call. The file moves with the job, and keeps its content.
  func newLines(of job: JobRecord) throws -> [Substring] {
    let path = job.log(in: state)
    guard let size = try Files.status(path)?.size, size > offset else { return [] }
    let text = String(decoding: try Files.read(path).dropFirst(offset), as: UTF8.self)
    guard let end = text.lastIndex(of: "\n") else { return [] }
    offset += text[...end].utf8.count
    return text[..<end].split(separator: "\n")
  }
}

extension JobRecord {
  /// What a command that waits for the job ends with.
  func throwUnlessDone() throws {
    switch state {
    case .done: return
    case .cancelled: throw IntrayError(.cancelled, "job \(id) (\(name)) was cancelled")
    default: throw error ?? IntrayError(.bug, "job \(id) (\(name)) is \(state.rawValue)")
    }
  }
}
