import FileKit
import Foundation
import IntrayCore
import WorkerLink

/// A job's `log.jsonl`: one line of JSON per `LogLine`.
///
/// (1) Never larger than `limit` bytes and one line, whatever the job logs: the rest is left out, and a last line says so.
/// (2) A log that cannot be written never stops a job.
final class JobLog {
  static let limit = 16 << 20

  private let path: String
  private var writer: FileWriter?
  private var size: Int
  private var isFull = false

  init(_ path: String) {
    self.path = path
    size = (try? Files.status(path))??.size ?? 0
    isFull = size >= Self.limit
    // A worker or daemon that died may have left half a line.
    if size > 0, !isFull { append(Data("\n".utf8), onlyAfterHalfLine: true) }
  }

  func write(_ line: LogLine) {
    guard !isFull, let data = try? JSON.encode(line) else { return }
    append(data + Data("\n".utf8))
    guard size >= Self.limit else { return }
    isFull = true
    let last = LogLine(level: .warning, message: "the log is full: what follows is in the journal only")
    if let data = try? JSON.encode(last) { append(data + Data("\n".utf8)) }
  }

  private func append(_ data: Data, onlyAfterHalfLine: Bool = false) {
    do {
      if onlyAfterHalfLine, try Files.read(path, from: size - 1).last == UInt8(ascii: "\n") { return }
      let writer = try self.writer ?? FileWriter(appendingTo: path)
      self.writer = writer
      try data.withUnsafeBytes { try writer.write($0) }
      try writer.flush()
      size += data.count
    } catch {
      // (2). The next line opens the file anew.
      writer = nil
    }
  }
}
