/// What to run, on which files: a resolved spec. All parameters are filled in; nothing is left to defaults.
public struct JobSpec: Sendable, Equatable, Codable {
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

  public init(
    name: String, run: String, data: JobData, with: [String: JSONValue] = [:], publish: String? = nil,
    force: Bool = false
  ) {
    self.name = name
    self.run = run
    self.data = data
    self.with = with
    self.publish = publish
    self.force = force
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
