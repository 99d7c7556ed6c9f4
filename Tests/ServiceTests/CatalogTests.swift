import Foundation
import Service
import TestSupport
import Testing

/// systemd/intray.catalog, which explains the outcomes to people.
@Suite struct CatalogTests {
  struct Entry {
    var id: String
    var headers: [String: String]
    /// The paragraphs: what it means, and what to do.
    var text: [String]
  }

  static func entries() throws -> [Entry] {
    let text = try String(contentsOfFile: "\(Checkout.root)/systemd/intray.catalog", encoding: .utf8)
    return text.components(separatedBy: "\n-- ").dropFirst().map { part in
      let lines = part.components(separatedBy: "\n")
      let head = lines.dropFirst().prefix { !$0.isEmpty }
      var headers: [String: String] = [:]
      for line in head {
        let colon = line.components(separatedBy: ": ")
        headers[colon[0]] = colon.dropFirst().joined(separator: ": ")
      }
      let paragraphs = lines.dropFirst(1 + head.count).joined(separator: "\n").components(separatedBy: "\n\n")
      return Entry(
        id: lines[0], headers: headers,
        text: paragraphs.map { $0.trimmingCharacters(in: .newlines) }.filter { !$0.isEmpty })
    }
  }

  @Test func `each outcome has an entry, and each entry an outcome`() throws {
    #expect(try Self.entries().map(\.id).sorted() == Outcome.allCases.map(\.rawValue).sorted())
  }

  @Test func `an entry says what it is, what it means, and what to do`() throws {
    for entry in try Self.entries() {
      #expect(entry.headers["Subject"]?.isEmpty == false, "\(entry.id)")
      #expect(entry.headers["Defined-By"] == "Intray", "\(entry.id)")
      #expect(entry.headers["Documentation"]?.hasPrefix("man:intray") == true, "\(entry.id)")
      #expect(entry.text.count >= 2, "\(entry.id)")
    }
  }

  @Test func `an entry names only fields that every line of a job has`() throws {
    let field = /@([A-Z_]+)@/
    for entry in try Self.entries() {
      let names = ([entry.headers["Subject"] ?? ""] + entry.text).flatMap { $0.matches(of: field).map { String($0.1) } }
      #expect(Set(names).isSubset(of: ["INTRAY_JOB", "INTRAY_RUNNER"]), "\(entry.id)")
      #expect(names.contains("INTRAY_JOB"), "\(entry.id)")
    }
  }
}
