import CIntrayPlugin
import Foundation
import IntrayCore
import Synchronization
import WorkerLink

/// The callbacks that a running plugin gets: C functions that turn what the plugin says into messages.
///
/// (1) They may be called from any thread, and nothing that a plugin passes makes them fail: what is too long is cut,
///     what is no JSON is left out, and the log says so once.
/// (2) The context lives as long as the process: a thread that the plugin left behind may still call.
final class HostCalls: Sendable {
  /// A log line's longest message, and the longest value of a field, in bytes.
  static let textLimit = 8 << 10
  static let fieldLimit = 32
  /// The longest metrics text, in bytes.
  static let metricsLimit = 64 << 10

  private let send: @Sendable (WorkerMessage) -> Void
  private let shouldStop: @Sendable () -> Bool
  private let complaints = Mutex<Set<String>>([])

  init(send: @escaping @Sendable (WorkerMessage) -> Void, shouldStop: @escaping @Sendable () -> Bool) {
    self.send = send
    self.shouldStop = shouldStop
  }

  /// The table for `run`. Its context is retained for ever.
  func table() -> intray_host {
    intray_host(
      size: MemoryLayout<intray_host>.size, context: Unmanaged.passRetained(self).toOpaque(),
      log: { context, level, message, fields, count in
        HostCalls.from(context)?.log(level, message, fields, count)
      },
      progress: { context, done, total, metrics in HostCalls.from(context)?.progress(done, total, metrics) },
      should_stop: { context in HostCalls.from(context)?.shouldStop() ?? false ? 1 : 0 },
      checkpoint_saved: { context in HostCalls.from(context)?.send(.checkpointSaved) })
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> HostCalls? {
    context.map { Unmanaged<HostCalls>.fromOpaque($0).takeUnretainedValue() }
  }

  private func log(
    _ level: Int32, _ message: UnsafePointer<CChar>?, _ fields: UnsafePointer<intray_field>?, _ count: Int
  ) {
    var values: [String: String] = [:]
    for field in UnsafeBufferPointer(start: fields, count: fields == nil ? 0 : min(max(count, 0), Self.fieldLimit)) {
      guard let key = Self.text(field.key, limit: 64), !key.isEmpty else { continue }
      values[key] = Self.text(field.value, limit: Self.textLimit) ?? ""
    }
    if fields != nil, count > Self.fieldLimit {
      complain("a log line came with \(count) fields; \(Self.fieldLimit) are kept")
    }
    send(
      .log(
        LogLine(
          level: .init(nearest: Int(level)), message: Self.text(message, limit: Self.textLimit) ?? "", fields: values)))
  }

  private func progress(_ done: Double, _ total: Double, _ metrics: UnsafePointer<CChar>?) {
    guard done.isFinite, total.isFinite else {
      return complain("a progress report that is no number was left out")
    }
    send(.progress(ProgressReport(done: done, total: total, metrics: self.metrics(metrics))))
  }

  private func metrics(_ text: UnsafePointer<CChar>?) -> [String: JSONValue] {
    guard let text else { return [:] }
    let length = strnlen(text, Self.metricsLimit + 1)
    guard length <= Self.metricsLimit else {
      complain("metrics of more than \(Self.metricsLimit) bytes were left out of a progress report")
      return [:]
    }
    guard let object = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes: text, count: length)).object else {
      complain("metrics that are no JSON object were left out of a progress report")
      return [:]
    }
    return object
  }

  /// Tells about a slip of the plugin, once for each kind.
  private func complain(_ slip: String) {
    guard complaints.withLock({ $0.count < 16 && $0.insert(slip).inserted }) else { return }
    send(.log(LogLine(level: .warning, message: slip)))
  }

  /// A C string cut to its limit, its UTF-8 repaired.
  private static func text(_ string: UnsafePointer<CChar>?, limit: Int) -> String? {
    guard let string else { return nil }
    let length = strnlen(string, limit)
    return string.withMemoryRebound(to: UInt8.self, capacity: length) {
      String(decoding: UnsafeBufferPointer(start: $0, count: length), as: UTF8.self)
    }
  }
}
