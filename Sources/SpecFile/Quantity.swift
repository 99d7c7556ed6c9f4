/// Numbers with their units, as people write them into YAML.
public enum Quantity {
  private static let milliseconds = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
  private static let bytes = ["KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40]

  /// `500ms`, `1s`, `2m`, `1h`, `1d`; nil for anything else, and for more than ten years.
  public static func duration(_ text: String) -> Duration? {
    guard let total = number(text, milliseconds), total <= 3650 * 86_400_000 else { return nil }
    return .milliseconds(total)
  }

  /// `512MiB`, `4GiB`; nil for anything else.
  public static func bytes(_ text: String) -> Int? { number(text, bytes) }

  /// `4GiB`, in the largest unit that gives a whole number.
  public static func text(bytes count: Int) -> String {
    for unit in ["TiB", "GiB", "MiB", "KiB"] {
      if let size = bytes[unit], count >= size, count % size == 0 { return "\(count / size)\(unit)" }
    }
    return "\((count + 1023) / 1024)KiB"
  }

  private static func number(_ text: String, _ units: [String: Int]) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int(digits), let unit = units[String(text.dropFirst(digits.count))] else { return nil }
    let (total, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow ? nil : total
  }
}
