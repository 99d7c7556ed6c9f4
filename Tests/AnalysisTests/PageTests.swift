import Analysis
import Foundation
import IntrayCore
import TestSupport
import Tensors
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What a page is made of, as an XML parser sees it.
final class ParsedPage: NSObject, XMLParserDelegate {
  private(set) var elements: [(name: String, attributes: [String: String])] = []
  private(set) var text = ""
  private(set) var style = ""
  private var open: [String] = []
  private(set) var problem: String?

  init(_ page: String) {
    super.init()
    let parser = XMLParser(data: Data(page.utf8))
    parser.delegate = self
    if !parser.parse() {
      problem = "line \(parser.lineNumber): \(parser.parserError.map { "\($0)" } ?? "not well-formed")"
    }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append((name, attributes))
    open.append(name)
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    open.removeLast()
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if open.last == "style" { style += string } else { text += string }
  }
}

@Suite struct PageTests {
  let bench: Bench
  init() throws { bench = try Bench() }

  static let hostile = [
    "</title><script>alert(1)</script>", "\" onload=\"alert(1)", "' onload='alert(1)", "&lt;b&gt; &amp; &unknown;",
    "]]><!-- --><?php ?>", "<svg/onload=alert(1)>", "\u{202E}txet\u{202C}", "nul-like \u{1} bell \u{7} \u{7F} \u{85}",
    // U+FFFF and U+1FFFE
    String(decoding: [0xEF, 0xBF, 0xBF, 0x20, 0xF0, 0x9F, 0xBF, 0xBE], as: UTF8.self),
    "emoji \u{1F468}\u{200D}\u{1F469} \u{1F600}", "line\nbreak\ttab",
    "javascript:alert(1)", "{{template}} ${code}", String(repeating: "long", count: 500),
  ]

  private func files() -> [String: [[String]]] {
    let rows = Self.hostile.enumerated().flatMap { index, text in
      // Twice the same text, with another label the second time.
      [[text, "\(text) \(text)", text], ["\(index)", "\(text) \(text)", "other"]]
    }
    return ["train": rows, "test": Array(rows.prefix(5)) + [["new", "a <i>new</i> text", "\"><b>"]]]
  }

  @Test func `a page with hostile texts is well-formed, and shows them as text`() throws {
    let figures = try bench.analyse(files(), vocabulary: ["alert"])
    let page = AnalysisPage.text(figures, title: Self.hostile[0])
    let parsed = ParsedPage(page)
    #expect(parsed.problem == nil)
    #expect(parsed.text.contains("</title><script>alert(1)</script>"))
    #expect(parsed.text.contains("&lt;b&gt; &amp; &unknown;"))
    #expect(parsed.text.contains("nul-like \u{2401} bell \u{2407} \u{2421}"))
    #expect(!parsed.text.unicodeScalars.contains { $0.value == 0x202E || $0.value < 9 })
    // Every character of a page is one that XML 1.0 allows.
    #expect(
      page.unicodeScalars.allSatisfy {
        [0x9, 0xA].contains($0.value) || $0.value >= 0x20 && $0.value & 0xFFFE != 0xFFFE
      }
    )
  }

  @Test func `a page loads nothing and runs nothing`() throws {
    let parsed = ParsedPage(AnalysisPage.text(try bench.analyse(files(), vocabulary: ["alert"]), title: "page"))
    let names = Set(parsed.elements.map(\.name))
    #expect(names.isDisjoint(with: ["script", "link", "img", "iframe", "object", "embed", "image", "use", "base"]))
    for (name, attributes) in parsed.elements {
      #expect(attributes.keys.allSatisfy { !$0.hasPrefix("on") && $0 != "src" && $0 != "style" }, "\(name)")
      if let target = attributes["href"] { #expect(target.hasPrefix("#")) }
    }
    #expect(!parsed.style.contains("url(") && !parsed.style.contains("@import"))
    #expect(parsed.style.contains("prefers-color-scheme: dark") && parsed.style.contains("@media print"))
  }

  @Test func `charts have a title and a description, and ids are unique`() throws {
    let parsed = ParsedPage(AnalysisPage.text(try bench.analyse(files(), vocabulary: ["alert"]), title: "page"))
    let ids = parsed.elements.compactMap { $0.attributes["id"] }
    #expect(Set(ids).count == ids.count)
    let charts = parsed.elements.filter { $0.name == "svg" && $0.attributes["aria-hidden"] == nil }
    #expect(charts.count >= 4)
    for chart in charts {
      #expect(chart.attributes["role"] == "img")
      let named = (chart.attributes["aria-labelledby"] ?? "").split(separator: " ").map(String.init)
      #expect(named.count == 2 && named.allSatisfy(ids.contains))
    }
    for link in parsed.elements.compactMap({ $0.attributes["href"] }) {
      #expect(ids.contains(String(link.dropFirst())))
    }
    #expect(parsed.elements.filter { $0.name == "h1" }.count == 1)
    #expect(parsed.elements.first?.attributes["lang"] == "en")
  }

  @Test func `each kind of data set gives a well-formed page`() throws {
    let kinds: [(name: String, figures: AnalysisFigures)] = [
      ("empty", try bench.analyse(["train": []], vocabulary: ["red"])),
      ("without a model", try bench.analyse(["train": FiguresTests.rows])),
      ("unlabelled", try bench.analyse(["train": FiguresTests.rows], columns: Columns(text: ["text"]))),
      ("no text at all", try bench.analyse(["train": [["1", "", "a"], ["2", " ", "b"]]], vocabulary: ["red"])),
      ("many classes", try bench.analyse(["train": (0..<200).map { ["\($0)", "text \($0)", "label \($0)"] }])),
      (
        "three files",
        try bench.analyse(
          ["train": Bench.rows(300, seed: 1), "validation": Bench.rows(50, seed: 2), "test": Bench.rows(50, seed: 1)],
          vocabulary: PropertyTests.vocabulary)
      ),
    ]
    for (name, figures) in kinds {
      let page = AnalysisPage.text(figures, title: name)
      #expect(ParsedPage(page).problem == nil, "\(name)")
      #expect(!page.contains("nan") && !page.contains("inf\""), "\(name)")
    }
  }

  @Test(.enabled(if: Checkout.sharedData("arxiv-cs36/dev.csv") != nil, "needs the papers beside the checkout"))
  func `real papers have the figures that were counted otherwise`() throws {
    let path = try #require(Checkout.sharedData("arxiv-cs36/dev.csv"))
    let figures = try #require(
      try DataSetAnalysis.run(
        files: ["train": path], columns: Columns(id: "paperid", text: ["title", "abstract"], label: "categories"),
        pool: .init(threads: 2)))
    let train = try #require(figures.files["train"])
    #expect(train.rows == 5000 && train.empty.rows == 0)
    #expect(train.labels?.classes.count == 36)
    #expect(abs(try #require(train.labels?.majority).share - 0.11) < 0.02)
    #expect(ParsedPage(AnalysisPage.text(figures, title: "papers")).problem == nil)
  }
}
