import Foundation
import IntrayCore

/// What the commands print: results on standard output, everything else on standard error.
enum Output {
  static let isTerminal = isatty(STDOUT_FILENO) == 1

  static func json(_ value: some Encodable) throws {
    print(try JSON.text(value, pretty: true))
  }

  /// One JSON value a line.
  static func jsonLine(_ value: some Encodable) throws {
    print(try JSON.text(value))
  }

  static func error(_ error: IntrayError) {
    note("intray: \(error)")
  }

  static func note(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
  }

  /// `name: value` lines, the values below each other.
  static func pairs(_ pairs: [(String, String)]) {
    let width = pairs.map(\.0.count).max() ?? 0
    for (name, value) in pairs {
      print("\(name):\(String(repeating: " ", count: width - name.count + 1))\(visible(value))")
    }
  }

  /// Rows in columns that are as wide as their widest cell.
  static func table(_ header: [String]? = nil, _ rows: [[String]]) {
    let cells = ((header.map { [$0] } ?? []) + rows).map { $0.map(visible) }
    let columns = cells.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in cells.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    for row in cells {
      var line = ""
      let row = row.prefix(1 + (row.lastIndex { !$0.isEmpty } ?? 0))
      for (column, cell) in row.enumerated() {
        line += cell
        if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
      }
      print(line)
    }
  }

  /// Names come from files that anybody may have dropped: control characters are escaped, never sent to a terminal.
  static func visible(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case _ where scalar.properties.generalCategory == .control: result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Local time, in strftime(3)'s words.
  static func time(_ date: Date, _ format: String) -> String {
    var seconds = time_t(date.timeIntervalSince1970.rounded(.down))
    var parts = tm()
    localtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 64)
    let count = strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  static func size(_ bytes: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(bytes) B" : "\(String(format: "%.1f", value)) \(units[unit])"
  }
}
