import FileKit
import Foundation
import IntrayCore

/// A spec as a person wrote it: its shape is checked, but no runner has seen it yet. `resolve` makes the job of it.
///
/// ```yaml
/// name: papers                 # the file's stem when left out
/// run: finetune
/// data:
///   train: train.csv           # or {path: train.csv, sha256: ..., rows: 400}
///   columns: {id: paperid, text: [title, abstract], label: categories}
/// with: {model: all-MiniLM-L6-v2, epochs: 2}
/// publish: papers
/// force: false
/// priority: 10                 # from -100 to 100, 0 when left out
/// limits: {memory: 4GiB, time: 2h}
/// ```
public struct DraftSpec: Sendable {
  public var name: String
  public var run: String
  /// By role.
  public var files: [String: DataFile]
  public var columns: Columns
  public var publish: String?
  public var force: Bool
  public var priority: Int
  public var limits: JobLimits
  /// As error messages name the file.
  public let path: String

  /// Where `run` and the keys of `data` stand.
  private let root: YAMLNode
  private let runNode: YAMLNode
  private let dataNode: YAMLNode?
  private let withNode: YAMLNode?

  static let keys = ["name", "run", "data", "with", "publish", "force", "priority", "limits"]

  /// - Parameter shownAs: The file's name in error messages, the last part of `path` when nil.
  /// - Throws: `IntrayError(.spec)` with line and column, or what reading the file throws.
  public static func read(_ path: String, shownAs name: String? = nil) throws -> DraftSpec {
    let name = name ?? URL(fileURLWithPath: path).lastPathComponent
    let data = try Files.read(path, limit: YAML.maximumBytes)
    let stem = FileNames.safe(FileNames.stem(URL(fileURLWithPath: path).lastPathComponent))
    return try DraftSpec(node: YAML.parse(data, path: name), path: name, defaultName: stem)
  }

  /// - Parameters:
  ///   - path: As error messages name the file.
  ///   - defaultName: The name of a spec that gives none.
  public init(node: YAMLNode, path: String, defaultName: String) throws {
    if case .mapping(let entries) = node.value, let steps = entries.first(where: { $0.key.text == "steps" }) {
      throw Fields.error(
        "pipelines ('steps') are not supported yet", at: steps.key, path, hint: "write one spec with 'run' per step")
    }
    let fields = try Fields(node, "the spec", path: path, known: Self.keys)
    guard let runNode = fields["run"] else {
      throw fields.error("the spec needs the key 'run'", at: node, hint: "it names the runner: `run: finetune`")
    }
    self.path = path
    self.runNode = runNode
    root = node
    name = try fields.folderName("name") ?? defaultName
    run = try fields.text(of: runNode, "run")
    publish = try fields.folderName("publish")
    force = try fields.bool("force") ?? false
    priority = try fields.integer("priority", in: JobSpec.priorities) ?? 0
    limits = try fields.limits("limits") ?? JobLimits()
    withNode = try fields["with"].flatMap { node in
      if node.isNull { return nil }
      return try Fields(node, "'with'", path: path, known: nil).node
    }
    files = [:]
    columns = Columns()
    dataNode = fields["data"]
    guard let dataNode, !dataNode.isNull else { return }
    for (key, value) in try Fields(dataNode, "'data'", path: path, known: nil).entries {
      guard let role = key.text else { continue }
      if role == "columns" {
        columns = try Self.columns(value, path)
      } else {
        files[role] = try Self.dataFile(value, role, path)
      }
    }
  }

  private static func columns(_ node: YAMLNode, _ path: String) throws -> Columns {
    let fields = try Fields(node, "'columns'", path: path, known: ["id", "text", "label"])
    var columns = Columns(id: try fields.text("id"), label: try fields.text("label"))
    guard let text = fields["text"] else { return columns }
    guard case .sequence(let items) = text.value else {
      columns.text = [try fields.text(of: text, "text")]
      return columns
    }
    guard (1...2).contains(items.count) else {
      throw fields.error("'text' must be one column, or a list of one or two, not of \(items.count)", at: text)
    }
    columns.text = try items.map { try fields.text(of: $0, "text") }
    return columns
  }

  private static func dataFile(_ node: YAMLNode, _ role: String, _ path: String) throws -> DataFile {
    guard case .mapping = node.value else {
      guard let name = node.text, !node.isNull else {
        throw Fields.error(
          "'\(role)' must be a file's name or {path, sha256, rows}, not \(node.spoken)", at: node, path)
      }
      try check(fileName: name, node, role, path)
      return DataFile(path: name)
    }
    let fields = try Fields(node, "'\(role)'", path: path, known: ["path", "sha256", "rows"])
    guard let nameNode = fields["path"] else { throw fields.error("'\(role)' needs the key 'path'", at: node) }
    let name = try fields.text(of: nameNode, "path")
    try check(fileName: name, nameNode, role, path)
    let sha256 = try fields["sha256"].map { node in
      let text = try fields.text(of: node, "sha256").lowercased()
      guard text.utf8.count == 64, text.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
        throw fields.error("'sha256' must be 64 hex digits, not \(node.spoken)", at: node)
      }
      return text
    }
    return DataFile(path: name, sha256: sha256, rows: try fields.integer("rows", in: 0...Int.max))
  }

  private static func check(fileName name: String, _ node: YAMLNode, _ role: String, _ path: String) throws {
    if name.isEmpty { throw Fields.error("'\(role)' must not be empty", at: node, path) }
    if let (cause, hint) = FileNames.problem(withDataFile: name) {
      throw Fields.error("'\(role)' \(cause)", at: node, path, hint: hint)
    }
  }
}

extension DraftSpec {
  /// The job: roles, columns and parameters checked against what the runner says about itself, defaults filled in.
  ///
  /// - Throws: `IntrayError(.spec)` with line and column.
  public func resolve(for runner: RunnerDescription) throws -> JobSpec {
    try checkRoles(runner)
    try checkColumns(runner)
    let checker = ParameterSchema(path: path)
    // Without `with`, an error about a missing parameter points at `run`.
    let parameters = withNode ?? YAMLNode(.mapping([]), line: runNode.line, column: runNode.column)
    let with = try checker.checkMapping(parameters, "with", runner.parameters)
    return JobSpec(
      name: name, run: run, data: JobData(files: files, columns: columns), with: with, publish: publish, force: force,
      priority: priority, limits: limits)
  }

  /// `unknown runner 'finetun'; did you mean 'finetune'?`, at its place in the spec.
  public func unknownRunner(known: some Sequence<String>) -> IntrayError {
    Fields.error("unknown runner '\(run)'", at: runNode, path, hint: Suggestion.hint(for: run, among: known))
  }

  private func checkRoles(_ runner: RunnerDescription) throws {
    for role in files.keys.sorted() where runner.data[role] == nil {
      throw Fields.error(
        "runner '\(run)' takes no file '\(role)'", at: place(ofRole: role), path,
        hint: Suggestion.hint(for: role, among: Array(runner.data.keys) + ["columns"]))
    }
    for (role, wanted) in runner.data.sorted(by: { $0.key < $1.key }) where wanted.required && files[role] == nil {
      throw Fields.error(
        "data: runner '\(run)' needs a file '\(role)'", at: dataNode ?? runNode, path,
        hint: wanted.description.isEmpty ? nil : wanted.description)
    }
  }

  private func checkColumns(_ runner: RunnerDescription) throws {
    for role in files.keys.sorted() {
      for column in runner.data[role]?.columns ?? [] {
        let isNamed =
          switch column {
          case "id": columns.id != nil
          case "text": !columns.text.isEmpty
          case "label": columns.label != nil
          default: true
          }
        if isNamed { continue }
        throw Fields.error(
          "data: columns: '\(column)' is needed by role '\(role)'", at: dataNode?["columns"] ?? dataNode ?? runNode,
          path,
          hint: "name the column of '\(files[role]?.path ?? role)' that holds it")
      }
    }
  }

  private func place(ofRole role: String) -> YAMLNode {
    guard case .mapping(let entries)? = dataNode?.value else { return runNode }
    return entries.first { $0.key.text == role }?.key ?? runNode
  }
}
