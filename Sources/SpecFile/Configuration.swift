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
/// memory: 14GiB                      # of all jobs at a time
/// limits: {memory: 8GiB, time: 7d}   # of each job
/// stall: 30m                         # a worker that says nothing for so long is ended
/// queue: 1000                        # jobs that may wait; what is dropped then stays in the inbox
/// disk_floor: 1GiB                   # with less free space no job begins
/// keep: {results: 90d, rejected: 30d} # what is older is removed; for ever when left out
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
  /// Bytes; nil means nine tenths of what the machine has.
  public var memory: Int?
  public var limits = JobLimits()
  public var stall: Duration = .seconds(1800)
  public var queue = 1000
  /// Bytes.
  public var diskFloor = 1 << 30
  public var retention = Retention()
  public var attempts = 3
  public var routes: [Route] = []

  /// The model store.
  public var models: String { "\(state)/models" }

  static let keys = [
    "inbox", "outbox", "state", "plugins", "settle", "wait", "slots", "threads", "memory", "limits", "stall", "queue",
    "disk_floor", "keep", "attempts", "backoff", "routes",
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
    settle = try fields.duration("settle") ?? settle
    wait = try fields.duration("wait") ?? wait
    backoff = try fields.duration("backoff") ?? backoff
    slots = try fields.integer("slots", in: 1...1024) ?? slots
    threads = try fields.integer("threads", in: 1...1024) ?? threads
    attempts = try fields.integer("attempts", in: 1...1000) ?? attempts
    memory = try fields.bytes("memory") ?? memory
    limits = try fields.limits("limits") ?? limits
    stall = try fields.duration("stall") ?? stall
    queue = try fields.integer("queue", in: 1...1_000_000) ?? queue
    diskFloor = try fields.bytes("disk_floor") ?? diskFloor
    if let keep = fields["keep"], !keep.isNull {
      let fields = try Fields(keep, "'keep'", path: path, known: ["results", "rejected"])
      retention = Retention(results: try fields.duration("results"), rejected: try fields.duration("rejected"))
    }
    guard let list = fields["routes"], !list.isNull else { return }
    guard case .sequence(let items) = list.value else {
      throw fields.error("'routes' must be a list, not \(list.spoken)", at: list)
    }
    routes = try items.map { try Route($0, path: path) }
  }

  /// The first route that takes a file of this name.
  public func route(forFile name: String) -> Route? { routes.first { $0.matches(name) } }

}

/// How long what has come to its end stays on the disk. Nil means for ever.
public struct Retention: Sendable, Equatable {
  /// Folders of the outbox.
  public var results: Duration?
  /// Rejected and cancelled batches.
  public var rejected: Duration?

  public init(results: Duration? = nil, rejected: Duration? = nil) {
    self.results = results
    self.rejected = rejected
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
