import IntrayCore

/// Checks values of a spec against the JSON Schema that a runner gives for its parameters, and fills in defaults.
///
/// Understood is what `RunnerDescription.parameters` lists. Numbers: an integer is a number too, and `2.0` is an integer
/// (JSON Schema 2020-12, 4.2.3); what is integral comes out as one, so that a spec is the same after a way through JSON.
struct ParameterSchema {
  let path: String

  /// - Parameters:
  ///   - key: What the value is called in messages.
  /// - Returns: The value as JSON with the defaults of missing properties.
  func check(_ node: YAMLNode, _ key: String, against schema: JSONValue) throws -> JSONValue {
    let types = typeNames(schema)
    let value = normalized(node.json())
    if !types.isEmpty, !types.contains(where: { matches(value, $0) }) {
      let wanted = types.map(spoken).joined(separator: " or ")
      let isPlainText = types.contains("string") && node.text != nil && !node.isNull
      throw error(
        "'\(key)' must be \(wanted), not \(node.spoken)", at: node,
        hint: isPlainText ? "write \"\(node.text ?? "")\" in quotes" : nil)
    }
    try checkChoice(node, key, value, schema)
    try checkRange(node, key, value, schema)
    switch node.value {
    case .sequence(let items): return try checkList(node, key, items, schema)
    case .mapping: return .object(try checkMapping(node, key, schema))
    case .scalar: return value
    }
  }

  private func checkChoice(_ node: YAMLNode, _ key: String, _ value: JSONValue, _ schema: JSONValue) throws {
    guard let choices = schema["enum"]?.array, !choices.contains(where: { normalized($0) == value }) else { return }
    let names = choices.map { $0.string ?? (try? JSON.text($0)) ?? "" }
    let near = value.string.flatMap { Suggestion.nearest(to: $0, among: names) }
    throw error(
      "'\(key)' must be one of \(names.joined(separator: ", ")), not \(node.spoken)", at: node,
      hint: near.map { "did you mean '\($0)'?" })
  }

  private func checkRange(_ node: YAMLNode, _ key: String, _ value: JSONValue, _ schema: JSONValue) throws {
    guard let number = value.double else { return }
    func text(_ limit: JSONValue) -> String { (try? JSON.text(limit)) ?? "" }
    func refuse(_ words: String, _ limit: JSONValue) -> IntrayError {
      error("'\(key)' must be \(words) \(text(limit)), not \(node.spoken)", at: node)
    }
    if let limit = schema["minimum"], let bound = limit.double, number < bound { throw refuse("at least", limit) }
    if let limit = schema["maximum"], let bound = limit.double, number > bound { throw refuse("at most", limit) }
    if let limit = schema["exclusiveMinimum"], let bound = limit.double, number <= bound {
      throw refuse("more than", limit)
    }
    if let limit = schema["exclusiveMaximum"], let bound = limit.double, number >= bound {
      throw refuse("less than", limit)
    }
  }

  private func checkList(_ node: YAMLNode, _ key: String, _ items: [YAMLNode], _ schema: JSONValue) throws -> JSONValue
  {
    if let least = schema["minItems"]?.int, items.count < least {
      throw error("'\(key)' must have at least \(least) items, not \(items.count)", at: node)
    }
    if let most = schema["maxItems"]?.int, items.count > most {
      throw error("'\(key)' must have at most \(most) items, not \(items.count)", at: node)
    }
    let itemSchema = schema["items"] ?? .object([:])
    return .array(
      try items.enumerated().map { index, item in try check(item, "\(key)[\(index)]", against: itemSchema) })
  }

  /// A mapping's properties with defaults.
  func checkMapping(_ node: YAMLNode, _ key: String, _ schema: JSONValue) throws -> [String: JSONValue] {
    let properties = schema["properties"]?.object ?? [:]
    let isClosed = schema["additionalProperties"] == .bool(false)
    let fields = try Fields(node, "'\(key)'", path: path, known: isClosed ? Array(properties.keys) : nil)
    var values = properties.compactMapValues { $0["default"].map(normalized) }
    for (name, value) in fields.entries {
      guard let name = name.text else { continue }
      values[name] = try check(value, name, against: properties[name] ?? .object([:]))
    }
    for required in schema["required"]?.array ?? [] {
      guard let name = required.string, values[name] == nil else { continue }
      throw error("'\(key)' needs the key '\(name)'", at: node, hint: properties[name]?["description"]?.string)
    }
    return values
  }

  private func typeNames(_ schema: JSONValue) -> [String] {
    schema["type"]?.string.map { [$0] } ?? schema["type"]?.array?.compactMap(\.string) ?? []
  }

  private func matches(_ value: JSONValue, _ type: String) -> Bool {
    switch (value, type) {
    case (.null, "null"), (.bool, "boolean"), (.int, "integer"), (.int, "number"), (.double, "number"),
      (.string, "string"), (.array, "array"), (.object, "object"):
      true
    default: false
    }
  }

  private func spoken(_ type: String) -> String {
    switch type {
    case "null": "nothing"
    case "boolean": "true or false"
    case "integer": "an integer"
    case "number": "a number"
    case "string": "text"
    case "array": "a list"
    case "object": "a mapping"
    default: type
    }
  }

  /// A number without a fraction is an integer.
  private func normalized(_ value: JSONValue) -> JSONValue {
    if case .double(let number) = value, let int = Int(exactly: number), abs(number) < 0x1p53 { return .int(int) }
    return value
  }

  private func error(_ message: String, at node: YAMLNode, hint: String? = nil) -> IntrayError {
    Fields.error(message, at: node, path, hint: hint)
  }
}
