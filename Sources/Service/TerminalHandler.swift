import Foundation
import Logging

/// Writes log lines for a person: `10:15:30 notice  papers: queued (job=1f2e..., runner=echo)`.
public struct TerminalHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?
  public var logLevel: Logger.Level = .info
  private let write: @Sendable (String) -> Void

  /// - Parameter write: Gets each line with its newline; standard error when left out.
  public init(write: @escaping @Sendable (String) -> Void = { TerminalHandler.writeToStandardError($0) }) {
    self.write = write
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { _, own in own }
    write(Self.line(at: Date(), level: event.level, message: event.message.description, metadata: all))
  }

  /// One line: what is no printable character comes escaped, so that a job cannot play with the terminal.
  public static func line(at time: Date, level: Logger.Level, message: String, metadata: Logger.Metadata) -> String {
    var text = time.formatted(Date.ISO8601FormatStyle(timeZone: .current).time(includingFractionalSeconds: false))
    text += " " + level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0) + message
    // The message id is for the journal's catalog.
    let fields = metadata.filter { $0.key != LogField.messageID }.sorted { $0.key < $1.key }
    if !fields.isEmpty { text += " (" + fields.map { "\($0.key)=\($0.value)" }.joined(separator: ", ") + ")" }
    return text.unicodeScalars.map {
      $0.properties.generalCategory == .control ? $0.escaped(asASCII: true) : String($0)
    }
    .joined() + "\n"
  }

  public static func writeToStandardError(_ line: String) {
    // A terminal that is gone is no reason to stop.
    try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
  }
}
