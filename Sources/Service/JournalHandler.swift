import CSystemd
import Foundation
import Logging

/// Sends log lines to the systemd journal with their fields (systemd.journal-fields(7)).
public struct JournalHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?
  public var logLevel: Logger.Level = .info
  private let identifier: String

  /// - Parameter identifier: The name of the program: SYSLOG_IDENTIFIER.
  public init(identifier: String) { self.identifier = identifier }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { _, own in own }
    let entry = Self.fields(
      identifier: identifier, level: event.level, message: event.message.description, metadata: all)
    Self.send(entry)
  }

  /// The journal entry as `KEY=value` texts.
  public static func fields(
    identifier: String, level: Logger.Level, message: String, metadata: Logger.Metadata
  ) -> [String] {
    var fields = ["MESSAGE=\(message)", "PRIORITY=\(level.priority)", "SYSLOG_IDENTIFIER=\(identifier)"]
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      fields.append("\(key == LogField.messageID ? "MESSAGE_ID" : fieldName(key))=\(value)")
    }
    return fields
  }

  /// `job` becomes `INTRAY_JOB`: the journal takes capitals, digits and underscores, at most 64 of them.
  public static func fieldName(_ key: String) -> String {
    let name = key.uppercased().utf8.map { byte -> Character in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        Character(Unicode.Scalar(byte))
      default: "_"
      }
    }
    return String(("INTRAY_" + String(name)).prefix(64))
  }

  private static func send(_ fields: [String]) {
    let copies = fields.map { Array($0.utf8) }
    var vectors: [iovec] = []
    func withPointers(_ index: Int) {
      guard index < copies.count else {
        // A journal that does not take the entry has nowhere to say so.
        _ = sd_journal_sendv(vectors, Int32(vectors.count))
        return
      }
      copies[index].withUnsafeBytes { bytes in
        vectors.append(
          iovec(iov_base: UnsafeMutableRawBufferPointer(mutating: bytes).baseAddress, iov_len: bytes.count))
        withPointers(index + 1)
      }
    }
    withPointers(0)
  }
}
