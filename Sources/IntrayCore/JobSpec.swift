/// What to run, on which files: a resolved spec. All parameters are filled in; nothing is left to defaults.
public struct JobSpec: Sendable, Equatable {
  /// The folder in the outbox.
  public var name: String
  /// The runner.
  public var run: String
  public var data: JobData
  /// The runner's own parameters, checked against its schema, defaults filled in.
  public var with: [String: JSONValue]
  /// Install the trained model under this name when the job is done.
  public var publish: String?
  /// Run even when the same job was done before.
  public var force: Bool
  /// Of waiting jobs the one with the highest priority comes first; of several, the oldest.
  public var priority: Int
  /// What the job may take, where the service allows more.
  public var limits: JobLimits

  public static let priorities = -100...100

  public init(
    name: String, run: String, data: JobData, with: [String: JSONValue] = [:], publish: String? = nil,
    force: Bool = false, priority: Int = 0, limits: JobLimits = JobLimits()
  ) {
    self.name = name
    self.run = run
    self.data = data
    self.with = with
    self.publish = publish
    self.force = force
    self.priority = priority
    self.limits = limits
  }
}

/// `priority` and `limits` are written only where they say something.
extension JobSpec: Codable {
  private enum CodingKeys: String, CodingKey { case name, run, data, with, publish, force, priority, limits }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    run = try container.decode(String.self, forKey: .run)
    data = try container.decode(JobData.self, forKey: .data)
    with = try container.decode([String: JSONValue].self, forKey: .with)
    publish = try container.decodeIfPresent(String.self, forKey: .publish)
    force = try container.decode(Bool.self, forKey: .force)
    priority = try container.decodeIfPresent(Int.self, forKey: .priority) ?? 0
    limits = try container.decodeIfPresent(JobLimits.self, forKey: .limits) ?? JobLimits()
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(run, forKey: .run)
    try container.encode(data, forKey: .data)
    try container.encode(with, forKey: .with)
    try container.encodeIfPresent(publish, forKey: .publish)
    try container.encode(force, forKey: .force)
    if priority != 0 { try container.encode(priority, forKey: .priority) }
    if limits != JobLimits() { try container.encode(limits, forKey: .limits) }
  }
}

/// What a job may take before it is ended. Nil means no limit.
public struct JobLimits: Sendable, Equatable, Codable {
  /// Of its worker, in bytes (resident set).
  public var memory: Int?
  /// In which its worker runs, all attempts together, in seconds.
  public var seconds: Int?

  public init(memory: Int? = nil, seconds: Int? = nil) {
    self.memory = memory
    self.seconds = seconds
  }

  /// The stricter of both.
  public func capped(by other: JobLimits) -> JobLimits {
    func least(_ values: Int?...) -> Int? { values.compactMap(\.self).min() }
    return JobLimits(memory: least(memory, other.memory), seconds: least(seconds, other.seconds))
  }
}

/// The files of a job by their role (`train`, `test`, `input` ...), and which columns matter in them.
public struct JobData: Sendable, Equatable, Codable {
  public var files: [String: DataFile]
  public var columns: Columns

  public init(files: [String: DataFile] = [:], columns: Columns = Columns()) {
    self.files = files
    self.columns = columns
  }
}

/// One data file. A spec may promise its hash and row count; intake holds it to them.
public struct DataFile: Sendable, Equatable, Codable {
  /// A plain file name, beside the spec.
  public var path: String
  /// Lower-case hex.
  public var sha256: String?
  /// Data rows, the header not counted.
  public var rows: Int?

  public init(path: String, sha256: String? = nil, rows: Int? = nil) {
    self.path = path
    self.sha256 = sha256
    self.rows = rows
  }
}

/// The columns by their meaning. What is nil or empty was not named in the spec.
public struct Columns: Sendable, Equatable, Codable {
  public var id: String?
  /// One column, or two for a sentence pair (title and abstract).
  public var text: [String]
  public var label: String?

  public init(id: String? = nil, text: [String] = [], label: String? = nil) {
    self.id = id
    self.text = text
    self.label = label
  }
}
