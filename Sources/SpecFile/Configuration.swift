import FileKit
import Foundation
import IntrayCore

/// What `intray.yaml` says, with defaults for the rest. All paths are absolute.
///
/// ```yaml
/// inbox: /var/lib/intray/inbox       # a relative path is relative to this file's folder
/// outbox: /var/lib/intray/outbox
/// state: /var/lib/intray
/// plugins: /usr/lib/intray/plugins
/// settle: 1s                         # a file counts when it is unchanged for this time
/// wait: 1h                           # a spec waits this long for its data files
/// slots: 1                           # jobs at a time
/// threads: 2                         # compute threads of a job
/// attempts: 3                        # without progress, before a job is rejected
/// backoff: 2s                        # before the second attempt; 4 times as long before each later one
/// routes:                            # a data file without a spec
///   - match: papers-*.csv
///     spec: {run: infer, data: {columns: {text: [title, abstract]}}, with: {model: papers}}
/// ```
public struct Configuration: Sendable {
  public var inbox: String
  public var outbox: String
  public var state: String
  public var plugins: String
  public var settle: Duration = .seconds(1)
  public var wait: Duration = .seconds(3600)
  public var backoff: Duration = .seconds(2)
  public var slots = 1
  public var threads: Int
  public var attempts = 3
  public var routes: [Route] = []

  /// The model store.
  public var models: String { "\(state)/models" }

  static let keys = [
    "inbox", "outbox", "state", "plugins", "settle", "wait", "slots", "threads", "attempts", "backoff", "routes",
  ]

  /// The defaults of a checkout: `Inbox`, `Outbox` and `.intray` in `folder`, plugins beside the running program.
  public init(folder: String) throws {
    inbox = "\(folder)/Inbox"
    outbox = "\(folder)/Outbox"
    state = "\(folder)/.intray"
    plugins = Files.parent(of: try Files.programPath())
    threads = ProcessInfo.processInfo.activeProcessorCount
  }

  /// - Parameter path: Nil takes `intray.yaml` in the current folder when there is one, and the defaults otherwise.
  /// - Throws: `IntrayError(.spec)` with line and column, `.missing` for a path that is not there.
  public static func read(_ path: String?) throws -> Configuration {
    let current = FileManager.default.currentDirectoryPath
    guard let path else {
      let usual = "\(current)/intray.yaml"
      return try Files.status(usual) == nil ? Configuration(folder: current) : read(usual)
    }
    let data = try Files.read(path, limit: YAML.maximumBytes)
    let folder = Files.parent(of: path.hasPrefix("/") ? path : "\(current)/\(path)")
    return try Configuration(YAML.parse(data, path: path), path: path, folder: folder)
  }

  /// - Parameters:
  ///   - path: As error messages name the file.
  ///   - folder: What relative paths are relative to.
  public init(_ node: YAMLNode, path: String, folder: String) throws {
    try self.init(folder: folder)
    // A file of comments only says nothing.
    if node.isNull { return }
    let fields = try Fields(node, "the configuration", path: path, known: Self.keys)
    func folderPath(_ key: String) throws -> String? {
      try fields.text(key).map {
        $0.hasPrefix("/") ? $0 : "\(folder)/\($0.hasPrefix("./") ? $0.dropFirst(2) : $0[...])"
      }
    }
    inbox = try folderPath("inbox") ?? inbox
    outbox = try folderPath("outbox") ?? outbox
    state = try folderPath("state") ?? state
    plugins = try folderPath("plugins") ?? plugins
    settle = try Self.duration("settle", fields) ?? settle
    wait = try Self.duration("wait", fields) ?? wait
    backoff = try Self.duration("backoff", fields) ?? backoff
    slots = try fields.integer("slots", in: 1...1024) ?? slots
    threads = try fields.integer("threads", in: 1...1024) ?? threads
    attempts = try fields.integer("attempts", in: 1...1000) ?? attempts
    guard let list = fields["routes"], !list.isNull else { return }
    guard case .sequence(let items) = list.value else {
      throw fields.error("'routes' must be a list, not \(list.spoken)", at: list)
    }
    routes = try items.map { try Route($0, path: path) }
  }

  /// The first route that takes a file of this name.
  public func route(forFile name: String) -> Route? { routes.first { $0.matches(name) } }

  private static func duration(_ key: String, _ fields: Fields) throws -> Duration? {
    try fields[key].map { node in
      if let duration = node.text.flatMap(Self.duration) { return duration }
      throw fields.error(
        "'\(key)' must be a time, not \(node.spoken)", at: node,
        hint: "a whole number with its unit, at most 3650d: 500ms, 1s, 2m, 1h, 1d")
    }
  }

  /// `500ms`, `1s`, `2m`, `1h`, `1d`; nil for anything else, and for more than ten years.
  static func duration(_ text: String) -> Duration? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let milliseconds = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
    guard let number = Int(digits), let unit = milliseconds[String(text.dropFirst(digits.count))] else { return nil }
    let (total, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow || total > 3650 * 86_400_000 ? nil : .milliseconds(total)
  }
}

/// What to do with a data file that comes without a spec: the file takes the role `input` of a spec template.
public struct Route: Sendable {
  /// A glob on the file's name (glob(7)): `*`, `?`, `[a-z]`.
  public let match: String
  private let template: YAMLNode
  private let path: String

  init(_ node: YAMLNode, path: String) throws {
    let fields = try Fields(node, "a route", path: path, known: ["match", "spec"])
    guard let match = try fields.text("match") else { throw fields.error("a route needs the key 'match'", at: node) }
    guard let template = fields["spec"] else { throw fields.error("a route needs the key 'spec'", at: node) }
    self.match = match
    self.template = template
    self.path = path
    // The template's own faults show now, not when the first file comes.
    let draft = try DraftSpec(node: template, path: path, defaultName: "input")
    guard draft.files.isEmpty else {
      throw fields.error(
        "a route's spec names no files", at: template["data"] ?? template, hint: "the file that matches is its 'input'")
    }
  }

  public func matches(_ name: String) -> Bool {
    // FNM_PERIOD: a leading dot is not for `*`, as in a shell.
    fnmatch(match, name, FNM_PERIOD) == 0
  }

  /// The spec for this file. A template without `name` takes the file's stem, made safe.
  public func draft(forFile name: String) throws -> DraftSpec {
    var draft = try DraftSpec(node: template, path: path, defaultName: FileNames.safe(FileNames.stem(name)))
    if let (cause, hint) = FileNames.problem(withDataFile: name) {
      throw IntrayError(.spec, "the file's name \(cause)", at: .init(name), hint: hint)
    }
    draft.files["input"] = DataFile(path: name)
    return draft
  }
}
