import Foundation
import IntrayCore

/// The lines of a file or of standard input, whatever their length.
final class Lines {
  private let file: UnsafeMutablePointer<FILE>
  private let name: String
  private var number = 0
  private var line: UnsafeMutablePointer<CChar>?
  private var capacity = 0

  /// - Parameter path: nil is standard input.
  init(_ path: String?) throws {
    name = path ?? "standard input"
    guard let file = path.map({ fopen($0, "re") }) ?? fdopen(STDIN_FILENO, "r") else {
      throw IntrayError(errno == ENOENT ? .missing : .system, "cannot be opened: \(reason())", at: .init(name))
    }
    self.file = file
  }

  deinit {
    free(line)
    fclose(file)
  }

  /// A line without its end; nil at the end of the file.
  func next() throws -> String? {
    let count = getline(&line, &capacity, file)
    guard count >= 0, let line else {
      guard ferror(file) == 0 else { throw IntrayError(.system, "cannot be read: \(reason())", at: .init(name)) }
      return nil
    }
    number += 1
    var bytes = UnsafeRawBufferPointer(start: line, count: count)[...]
    if bytes.last == UInt8(ascii: "\n") { bytes = bytes.dropLast() }
    if bytes.last == UInt8(ascii: "\r") { bytes = bytes.dropLast() }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw IntrayError(.data, "not UTF-8", at: .init(name, line: number))
    }
    return text
  }
}

private func reason() -> String { String(cString: strerror(errno)) }
