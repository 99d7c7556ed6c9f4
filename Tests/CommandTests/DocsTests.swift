import Foundation
import IntrayCore
import TestSupport
import Testing

/// What the documentation shows is what happens.
///
///     ```yaml file=NAME              is written to a file
///     ```sh test                     must succeed; `fails=78` must end so; `wait=PATH` appears then within a minute
///     ```text output                 is what the commands before it printed, on standard output and error
@Suite struct DocsTests {
  static let pages = [
    "inbox", "spec", "runners", "backtranslation", "models", "plugins", "cli", "operations", "architecture",
  ]

  struct Block {
    var line: Int
    var language: String
    var words: Set<String>
    var options: [String: String]
    var text: String
  }

  static func blocks(of page: String) throws -> [Block] {
    let text = try String(contentsOfFile: "\(Checkout.root)/docs/\(page).md", encoding: .utf8)
    var blocks: [Block] = []
    var open: Block?
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line.hasPrefix("```"), let block = open {
        blocks.append(block)
        open = nil
      } else if line.hasPrefix("```") {
        let words = line.dropFirst(3).split(separator: " ").map(String.init)
        var options: [String: String] = [:]
        for word in words.dropFirst() {
          let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
          if parts.count == 2 { options[parts[0]] = parts[1] }
        }
        open = Block(
          line: index + 1, language: words.first ?? "", words: Set(words.dropFirst()), options: options, text: "")
      } else if open != nil {
        open?.text += line + "\n"
      }
    }
    return blocks
  }

  /// A folder with a configuration, all runners, the example papers, and a running daemon.
  private func place() throws -> Workplace {
    let place = try Workplace()
    for name in ["libFinetune.so", "libInfer.so", "libPhrasetable.so", "libBacktranslate.so"] {
      try FileManager.default.copyItem(
        atPath: "\(Checkout.products)/\(name)", toPath: "\(place.path)/plugins/\(name)")
    }
    for name in ["train.csv", "new.csv"] {
      try FileManager.default.copyItem(
        atPath: "\(Checkout.root)/Inbox/examples/\(name)", toPath: "\(place.path)/\(name)")
    }
    try place.startDaemon()
    return place
  }

  @Test(arguments: pages) func `the examples of a page work`(page: String) throws {
    let blocks = try Self.blocks(of: page)
    guard blocks.contains(where: { $0.words.contains("test") }) else { return }
    let place = try place()
    let environment = [
      "PATH": "\(Checkout.products):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")",
      "INTRAY_INCLUDE": "\(Checkout.root)/Sources/CIntrayPlugin/include",
    ]
    var said = ""
    for block in blocks {
      let where_ = "docs/\(page).md:\(block.line)"
      if let name = block.options["file"] {
        try place.folder.write(block.text, to: name)
      } else if block.words.contains("test") {
        let result = try Program("/bin/bash", in: place.path)("-euc", block.text, environment: environment)
        said = result.output + result.errors
        #expect(result.status == Int32(block.options["fails"] ?? "0"), "\(where_): \(said)")
        if let path = block.options["wait"] {
          let waiting = "for i in $(seq 600); do [ -e '\(path)' ] && exit 0; sleep 0.1; done; exit 1"
          #expect(try Program("/bin/bash", in: place.path)("-c", waiting).status == 0, "\(where_): no \(path)")
        }
      } else if block.words.contains("output") {
        #expect(said == block.text, "\(where_)")
      }
    }
  }

  @Test(arguments: ["finetune", "infer", "phrasetable", "backtranslate", "echo"])
  func `a runner's parameters are all described`(name: String) throws {
    let place = try place()
    let runner = try place.intray("plugins", name, "--json").json(RunnerDescription.self)
    let page = try String(contentsOfFile: "\(Checkout.root)/docs/runners.md", encoding: .utf8)
    let sections = page.components(separatedBy: "\n## ")
    let section = try #require(sections.first { $0.hasPrefix("\(name)\n") })
    for (parameter, schema) in runner.parameters["properties"]?.object ?? [:] {
      let row = try #require(
        section.split(separator: "\n").last { $0.hasPrefix("| `\(parameter)` |") }, "\(parameter)")
      if let value = schema["default"] {
        let text = try value.string ?? JSON.text(value)
        #expect(row.contains("| `\(text)` |"), "\(parameter): the default is \(text)")
      }
    }
    for role in runner.data.keys where name != "echo" {
      #expect(section.contains("| `\(role)`"), "\(role)")
    }
  }

  @Test func `every command is on the page of commands`() throws {
    let page = try String(contentsOfFile: "\(Checkout.root)/docs/cli.md", encoding: .utf8)
    for command in Set(HelpTests.commands.compactMap { $0.split(separator: " ").first }) {
      #expect(page.contains("| `intray \(command)"), "\(command)")
    }
  }

  @Test func `links between the pages lead somewhere`() throws {
    let pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] + Self.pages.map { "docs/\($0).md" }
    for page in pages {
      let text = try String(contentsOfFile: "\(Checkout.root)/\(page)", encoding: .utf8)
      for match in text.matches(of: /\]\(([^)#]+)\)/) where !match.1.hasPrefix("http") {
        let folder = URL(fileURLWithPath: "\(Checkout.root)/\(page)").deletingLastPathComponent().path
        #expect(FileManager.default.fileExists(atPath: "\(folder)/\(match.1)"), "\(page): \(match.1)")
      }
    }
  }

  @Test func `the service's configuration has no fault`() throws {
    for file in ["intray.yaml", "systemd/intray.yaml"] {
      let result = try Program("intrayd", in: Checkout.root)("--config", file, "--check")
      #expect(result.status == 0, "\(file): \(result.errors)")
    }
  }
}
