import IntrayCore

/// A value of a YAML document that knows where it stands in the file.
public struct YAMLNode: Sendable {
  public enum Value: Sendable {
    /// Text, and whether it was written without quotes: only then can it mean a number, `true` or nothing.
    case scalar(String, isPlain: Bool)
    case sequence([YAMLNode])
    case mapping([(key: YAMLNode, value: YAMLNode)])
  }

  public var value: Value
  /// From 1.
  public var line: Int
  /// From 1, in characters.
  public var column: Int

  public init(_ value: Value, line: Int, column: Int) {
    self.value = value
    self.line = line
    self.column = column
  }

  /// The text of a scalar as it was written, whatever it means; nil for lists and mappings.
  public var text: String? { if case .scalar(let text, _) = value { text } else { nil } }

  /// Whether nothing was written (`key:`), or null, or `~`.
  public var isNull: Bool { if case .null = scalarJSON { true } else { false } }

  /// The entry of a mapping.
  public subscript(key: String) -> YAMLNode? {
    guard case .mapping(let entries) = value else { return nil }
    return entries.first { $0.key.text == key }?.value
  }

  /// The value as JSON, by the core schema of YAML 1.2.2 (10.3): `3` is an integer, `0.5` and `1e-4` are numbers, `true`
  /// and `null` what they say; `yes`, `on` and whatever stands in quotes are text. `.inf` and `.nan`, which JSON does not
  /// have, stay text.
  public func json() -> JSONValue {
    switch value {
    case .scalar: scalarJSON ?? .null
    case .sequence(let items): .array(items.map { $0.json() })
    case .mapping(let entries):
      .object(Dictionary(entries.map { ($0.key.text ?? "", $0.value.json()) }) { first, _ in first })
    }
  }

  private var scalarJSON: JSONValue? {
    guard case .scalar(let text, let isPlain) = value else { return nil }
    return isPlain ? Self.resolve(plain: text) : .string(text)
  }

  static func resolve(plain text: String) -> JSONValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    default: break
    }
    guard let first = text.utf8.first, first < 0x3A, text.utf8.count <= 400 else { return .string(text) }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] where text.hasPrefix(prefix) {
      let digits = text.dropFirst(2)
      // Int(_:radix:) takes a sign; YAML does not.
      guard digits.first?.isHexDigit == true else { return .string(text) }
      return Int(digits, radix: radix).map { .int($0) } ?? .string(text)
    }
    guard isDecimalNumber(text) else { return .string(text) }
    if let int = Int(text) { return .int(int) }
    guard let double = Double(text), double.isFinite else { return .string(text) }
    return .double(double)
  }

  /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
  private static func isDecimalNumber(_ text: String) -> Bool {
    var rest = Substring(text).utf8
    func skipSign() { if let c = rest.first, c == UInt8(ascii: "-") || c == UInt8(ascii: "+") { rest.removeFirst() } }
    func digits() -> Int {
      let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
      rest.removeFirst(count)
      return count
    }
    skipSign()
    let whole = digits()
    var fraction = 0
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      fraction = digits()
    }
    guard whole + fraction > 0 else { return false }
    if let c = rest.first, c == UInt8(ascii: "e") || c == UInt8(ascii: "E") {
      rest.removeFirst()
      skipSign()
      guard digits() > 0 else { return false }
    }
    return rest.isEmpty
  }
}

extension YAMLNode {
  /// How messages call what was written: `text 'two'`, `integer 0`, `a list`.
  var spoken: String {
    switch json() {
    case .null: "nothing"
    case .bool(let value): "\(value)"
    case .int, .double: "\(text ?? "")"
    case .string(let text): "text '\(text.count > 40 ? text.prefix(40) + "..." : text[...])'"
    case .array: "a list"
    case .object: "a mapping"
    }
  }
}
