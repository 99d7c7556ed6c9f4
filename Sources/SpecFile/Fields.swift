import IntrayCore

/// A mapping with a known set of keys, read key by key with errors that point at the place.
struct Fields {
  let path: String
  let node: YAMLNode
  let entries: [(key: YAMLNode, value: YAMLNode)]

  /// - Parameters:
  ///   - subject: What the mapping is, for messages: `the spec`, `data: columns`.
  ///   - known: The keys that may be there; nil allows any.
  init(_ node: YAMLNode, _ subject: String, path: String, known: [String]?) throws {
    self.path = path
    self.node = node
    guard case .mapping(let entries) = node.value else {
      throw Self.error("\(subject) must be a mapping (key: value), not \(node.spoken)", at: node, path)
    }
    self.entries = entries
    guard let known else { return }
    for (key, _) in entries {
      guard let name = key.text, known.contains(name) else {
        let name = key.text ?? ""
        throw Self.error("unknown key '\(name)'", at: key, path, hint: Suggestion.hint(for: name, among: known))
      }
    }
  }

  subscript(key: String) -> YAMLNode? { node[key] }

  /// The text of a key that may be missing. Unquoted numbers count as the text that they are.
  func text(_ key: String) throws -> String? { try node[key].map { try text(of: $0, key) } }

  func text(of node: YAMLNode, _ subject: String) throws -> String {
    guard let text = node.text, !node.isNull else {
      throw error("'\(subject)' must be text, not \(node.spoken)", at: node)
    }
    guard !text.isEmpty else { throw error("'\(subject)' must not be empty", at: node) }
    return text
  }

  func bool(_ key: String) throws -> Bool? {
    try node[key].map { node in
      guard case .bool(let value) = node.json() else {
        throw error("'\(key)' must be true or false, not \(node.spoken)", at: node)
      }
      return value
    }
  }

  func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
    try node[key].map { node in
      guard case .int(let value) = node.json(), range.contains(value) else {
        let wanted =
          range.upperBound == .max
          ? "an integer of at least \(range.lowerBound)"
          : "an integer from \(range.lowerBound) to \(range.upperBound)"
        throw error("'\(key)' must be \(wanted), not \(node.spoken)", at: node)
      }
      return value
    }
  }

  /// `500ms`, `1s`, `2m`, `1h`, `1d`: at most ten years.
  func duration(_ key: String) throws -> Duration? {
    try node[key].map { node in
      if let duration = node.text.flatMap(Quantity.duration) { return duration }
      throw error(
        "'\(key)' must be a time, not \(node.spoken)", at: node,
        hint: "a whole number with its unit, at most 3650d: 500ms, 1s, 2m, 1h, 1d")
    }
  }

  /// `512MiB`, `4GiB`: bytes.
  func bytes(_ key: String) throws -> Int? {
    try node[key].map { node in
      if let bytes = node.text.flatMap(Quantity.bytes) { return bytes }
      throw error(
        "'\(key)' must be a size, not \(node.spoken)", at: node,
        hint: "a whole number with its unit: 512MiB, 4GiB, 1TiB")
    }
  }

  /// `{memory: 4GiB, time: 2h}`
  func limits(_ key: String) throws -> JobLimits? {
    guard let node = node[key], !node.isNull else { return nil }
    let fields = try Fields(node, "'\(key)'", path: path, known: ["memory", "time"])
    let limits = JobLimits(
      memory: try fields.bytes("memory"), seconds: try fields.duration("time").map { Int($0.components.seconds) })
    if let time = fields["time"], limits.seconds == 0 {
      throw error("'time' must be at least 1s, not \(time.spoken)", at: time)
    }
    return limits
  }

  /// A text that can be a folder's name.
  func folderName(_ key: String) throws -> String? {
    try node[key].map { node in
      let name = try text(of: node, key)
      guard FileNames.isSafe(name) else {
        throw error(
          "'\(key)' becomes a folder's name, and '\(name)' cannot be one", at: node,
          hint: "use up to 100 letters (a-z), digits, '.', '_' and '-', a letter or digit first")
      }
      return name
    }
  }

  func error(_ message: String, at node: YAMLNode, hint: String? = nil) -> IntrayError {
    Self.error(message, at: node, path, hint: hint)
  }

  static func error(_ message: String, at node: YAMLNode, _ path: String, hint: String? = nil) -> IntrayError {
    IntrayError(.spec, message, at: .init(path, line: node.line, column: node.column), hint: hint)
  }
}

/// Which texts may become names on the disk.
public enum FileNames {
  /// `[A-Za-z0-9][A-Za-z0-9._-]{0,99}`: a job's or a model's folder.
  public static func isSafe(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 100 else { return false }
    return isAlphanumeric(first) && name.utf8.allSatisfy(isAllowed)
  }

  /// The nearest safe name: `My papers (2).csv` gives `My-papers--2-.csv`.
  public static func safe(_ name: String) -> String {
    let bytes = name.utf8.map { isAllowed($0) ? $0 : UInt8(ascii: "-") }.drop { !isAlphanumeric($0) }.prefix(100)
    return bytes.isEmpty ? "batch" : String(decoding: bytes, as: UTF8.self)
  }

  /// A file's name without its last extension.
  public static func stem(_ name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return name }
    return String(name[..<dot])
  }

  /// What is wrong with a name that should be a data file's, beside its spec; nil when nothing is.
  static func problem(withDataFile name: String) -> (cause: String, hint: String?)? {
    if name.utf8.contains(UInt8(ascii: "/")) || name == "." || name == ".." {
      return ("must be the plain name of a file beside the spec, not '\(name)'", "leave the folders out")
    }
    if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      return ("must not hold line breaks or control characters", nil)
    }
    if name.utf8.count > 255 { return ("is longer than the 255 bytes that a file's name may have", nil) }
    if isIgnored(name) {
      return (
        "is '\(name)', which the inbox ignores", "dot-files, *.part and *.tmp are files that somebody still writes"
      )
    }
    return nil
  }

  /// Whether the inbox passes a file by: somebody is still writing it.
  public static func isIgnored(_ name: String) -> Bool {
    name.hasPrefix(".") || name.hasSuffix(".part") || name.hasSuffix(".tmp")
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
  }
}
