import Foundation
import IntrayCore

/// Writes a resolved spec as YAML that reads back as the same spec.
public enum SpecWriter {
  public static func yaml(_ spec: JobSpec) -> String {
    var lines = ["name: \(scalar(spec.name))", "run: \(scalar(spec.run))"]
    let columns = spec.data.columns
    var columnEntries: [String] = []
    if let id = columns.id { columnEntries.append("id: \(scalar(id))") }
    if !columns.text.isEmpty { columnEntries.append("text: [\(columns.text.map(scalar).joined(separator: ", "))]") }
    if let label = columns.label { columnEntries.append("label: \(scalar(label))") }
    if !spec.data.files.isEmpty || !columnEntries.isEmpty {
      lines.append("data:")
      for (role, file) in spec.data.files.sorted(by: { $0.key < $1.key }) {
        lines.append("  \(key(role, "\n  ")): \(dataFile(file))")
      }
      if !columnEntries.isEmpty { lines.append("  columns: {\(columnEntries.joined(separator: ", "))}") }
    }
    if !spec.with.isEmpty {
      lines.append("with:")
      for (key, value) in spec.with.sorted(by: { $0.key < $1.key }) {
        lines.append("  \(self.key(key, "\n  ")): \(flow(value))")
      }
    }
    if let publish = spec.publish { lines.append("publish: \(scalar(publish))") }
    lines.append("force: \(spec.force)")
    if spec.priority != 0 { lines.append("priority: \(spec.priority)") }
    let limits = [
      spec.limits.memory.map { "memory: \(Quantity.text(bytes: $0))" }, spec.limits.seconds.map { "time: \($0)s" },
    ].compactMap(\.self)
    if !limits.isEmpty { lines.append("limits: {\(limits.joined(separator: ", "))}") }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func dataFile(_ file: DataFile) -> String {
    if file.sha256 == nil && file.rows == nil { return scalar(file.path) }
    var entries = ["path: \(scalar(file.path))"]
    if let sha256 = file.sha256 { entries.append("sha256: \(scalar(sha256))") }
    if let rows = file.rows { entries.append("rows: \(rows)") }
    return "{\(entries.joined(separator: ", "))}"
  }

  /// A value on one line.
  private static func flow(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let text): scalar(text)
    case .array(let items): "[\(items.map(flow).joined(separator: ", "))]"
    case .object(let entries):
      "{\(entries.sorted { $0.key < $1.key }.map { "\(key($0, " ")): \(flow($1))" }.joined(separator: ", "))}"
    }
  }

  /// A key that is longer than the 1024 characters of an implicit key (YAML 1.2.2, 7.4.2) says that it is one.
  private static func key(_ text: String, _ separator: String) -> String {
    let key = scalar(text)
    return key.unicodeScalars.count < 1000 ? key : "? \(key)\(separator)"
  }

  /// Plain where that cannot mean anything else, in double quotes otherwise.
  private static func scalar(_ text: String) -> String {
    let isWord = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    // "-" begins list items and document marks; other readers of YAML 1.1 take `yes` and `1_000` for more than text.
    let isPlain =
      isWord && text.first?.isLetter == true && YAMLNode.resolve(plain: text) == .string(text)
      && !["y", "n", "yes", "no", "on", "off"].contains(text.lowercased())
    return isPlain ? text : quoted(text)
  }

  /// YAML 1.2.2, 5.7: escapes for what is not printable, and for what YAML 1.1 takes for line breaks.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22: result += "\\\""
      case 0x5C: result += "\\\\"
      case 0x0A: result += "\\n"
      case 0x09: result += "\\t"
      case 0x20..<0x7F, 0xA0..<0x2028, 0x202A..<0xD800, 0xE000..<0xFEFF, 0xFF00..<0xFFFE, 0x10000...:
        result.unicodeScalars.append(scalar)
      default:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      }
    }
    return result + "\""
  }
}
