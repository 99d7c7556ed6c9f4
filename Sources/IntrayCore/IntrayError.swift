/// What went wrong, where, and what the person can do about it.
///
/// `description` reads like a compiler's message: `train.csv:7:3: cause; hint`.
public struct IntrayError: Error, Sendable, Equatable, Codable {
  /// A place in a file. `line` and `column` count from 1; a column counts characters, not bytes.
  public struct Location: Sendable, Equatable, Codable {
    public var path: String
    public var line: Int?
    public var column: Int?

    public init(_ path: String, line: Int? = nil, column: Int? = nil) {
      self.path = path
      self.line = line
      self.column = column
    }
  }

  public var code: Code
  public var message: String
  public var location: Location?
  public var hint: String?
  /// Whether the same work may succeed later without anybody changing the input. Only the dispatcher acts on it.
  public var isTransient: Bool

  public init(
    _ code: Code, _ message: String, at location: Location? = nil, hint: String? = nil, isTransient: Bool = false
  ) {
    self.code = code
    self.message = message
    self.location = location
    self.hint = hint
    self.isTransient = isTransient
  }
}

extension IntrayError {
  /// A short word for programs. It crosses the plugin ABI as text and decides the exit code.
  public enum Code: String, Sendable, Codable, CaseIterable {
    /// The command line is wrong.
    case usage
    /// A data file is not what it should be.
    case data
    /// A spec or a configuration file is not what it should be.
    case spec
    /// A model folder is missing or not what it should be.
    case model
    /// A file is missing.
    case missing
    /// A plugin is missing, of another ABI version, or does not keep the ABI's promises.
    case plugin
    /// A worker died: killed, crashed, or out of memory.
    case crashed
    /// The system refused a call: a full disk, a read-only folder, an I/O error.
    case system
    /// A person or a stop of the service ended the work.
    case cancelled
    /// The daemon is not running, or does not answer.
    case unavailable
    /// A bug of ours.
    case bug

    /// The exit code of a program that ends with this error (sysexits.h).
    public var exitCode: Int32 {
      switch self {
      case .usage: 64
      case .data, .model: 65
      case .missing: 66
      case .unavailable, .plugin: 69
      case .bug, .crashed: 70
      case .system: 74
      case .cancelled: 75
      case .spec: 78
      }
    }
  }
}

extension IntrayError: CustomStringConvertible {
  public var description: String {
    var text = ""
    if let location { text += "\(location): " }
    text += message
    if let hint { text += "; \(hint)" }
    return text
  }
}

extension IntrayError.Location: CustomStringConvertible {
  public var description: String {
    ([path] + [line, column].compactMap { $0.map(String.init) }).joined(separator: ":")
  }
}

extension IntrayError {
  /// The error itself, or any other error dressed as a bug of ours, so that nothing is shown without a code.
  public init(_ error: any Error) {
    self = error as? IntrayError ?? IntrayError(.bug, String(describing: error))
  }
}
