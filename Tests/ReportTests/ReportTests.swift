import Foundation
import Report
import Testing

@Suite struct ReportTests {
  @Test func `interpolated text is escaped, literals and markup are not`() {
    let name = "<b> & \"q\" 'a'"
    let inner: HTML = "<i>\(name)</i>"
    #expect(inner.markup == "<i>&lt;b&gt; &amp; &quot;q&quot; &#39;a&#39;</i>")
    let outer: HTML = "<p class=\"x\">\(inner)\([inner, inner])\(1)\(2.5)</p>"
    #expect(outer.markup == "<p class=\"x\">\(inner.markup)\(inner.markup)\(inner.markup)12.5</p>")
    let scalars: [UInt32] = [0x61, 0, 0x1F, 0xD, 0xA, 9, 0x7F, 0x9F, 0x202E, 0xFDD0, 0xFFFF, 0x10FFFE]
    let text = scalars.compactMap { Unicode.Scalar($0) }.map { String($0) }.joined()
    let controls: HTML = "\(text)"
    let shown: [UInt32] = [0x61, 0x2400, 0x241F, 0x240D, 0xA, 9, 0x2421, 0xFFFD, 0xFFFD, 0xFFFD, 0xFFFD, 0xFFFD]
    #expect(controls.markup.unicodeScalars.map(\.value) == shown)
  }

  @Test(arguments: [
    (0, "0"), (999, "999"), (1000, "1,000"), (49997, "49,997"), (-1_234_567, "-1,234,567"),
    (Int.min, "-9,223,372,036,854,775,808"),
  ]) func `counts have separators`(number: Int, text: String) {
    #expect(NumberText.count(number) == text)
  }

  @Test(arguments: [
    (0.0, "0%"), (1.0, "100%"), (0.111, "11.1%"), (0.5, "50.0%"), (0.08, "8.0%"), (0.00001, "<0.1%"),
    (0.9999, ">99.9%"),
    (1.5, "150.0%"), (.nan, "none"), (.infinity, "none"),
  ]) func `a share is never shown as nothing or all when it is not`(share: Double, text: String) {
    #expect(NumberText.percent(share) == text)
  }

  @Test func `decimals are cut where they say nothing`() {
    #expect(NumberText.decimal(3.14159, places: 2) == "3.14")
    #expect(NumberText.decimal(2, places: 2) == "2")
    #expect(NumberText.decimal(1234.05, places: 2) == "1,234.05")
    #expect(NumberText.decimal(-0.5, places: 1) == "-0.5")
    #expect(NumberText.decimal(1e300, places: 2) == "1e+300")
    #expect(NumberText.decimal(.nan, places: 2) == "nan")
  }

  /// The numbers of a drawing's attributes.
  private func coordinates(_ html: HTML) -> [Double] {
    html.markup.matches(of: /\s(?:x|y|x1|x2|y1|y2|cx|cy|width|height)="([^"]*)"/).map { Double($0.1) ?? .nan }
  }

  @Test(arguments: [
    [], [0], [1], [7, 0, 3], Array(repeating: 1_000_000_000, count: 60),
  ]) func `a histogram of any counts stays inside its drawing`(counts: [Int]) {
    let chart = HistogramChart(
      id: "h", title: "t", xName: "words", yName: "rows", binWidth: 5, counts: counts,
      marks: [ChartMark(3, "3"), ChartMark(4, "4"), ChartMark(1e9, "far")])
    let numbers = coordinates(chart.html)
    #expect(!numbers.isEmpty && numbers.allSatisfy { (0...480).contains($0) })
    #expect(!chart.html.markup.contains("far"))
    #expect(chart.html.markup.components(separatedBy: "class=\"bar\"").count - 1 == counts.count { $0 > 0 })
  }

  @Test(
    arguments: [
      [], [(0, 0)], [(1, 5), (2, -5)], [(0, .nan), (1, .infinity), (2, 3)], [(0, 1e12), (1e9, -1e12)],
      [(3, 2), (3, 2)],
    ] as [[(Double, Double)]]) func `a curve of any points stays inside its drawing`(points: [(Double, Double)])
  {
    let chart = LineChart(
      id: "c", title: "t", xName: "step",
      series: [.init(name: "loss", points: points.map { (x: $0.0, y: $0.1) }, hasDots: true)])
    let numbers = coordinates(chart.html)
    #expect(!numbers.isEmpty && numbers.allSatisfy { (0...480).contains($0) })
    let path = chart.html.markup.matches(of: /points="([^"]*)"/).flatMap { $0.1.split { $0 == "," || $0 == " " } }
    #expect(path.allSatisfy { Double($0).map { (0...480).contains($0) } == true })
    #expect(path.count == 2 * points.count { $0.0.isFinite && $0.1.isFinite })
  }

  @Test func `bars have their names, values and widths in proportion`() throws {
    let chart = BarChart(
      id: "b", title: "t",
      bars: [
        .init(name: "all", value: 200, text: "200"), .init(name: "half", value: 100, text: "100"),
        .init(name: String(repeating: "very long ", count: 20), value: 0, text: "0"),
      ])
    let widths = chart.html.markup.matches(of: /<rect [^>]*width="([^"]*)"/).compactMap { Double($0.1) }
    #expect(widths.count == 3 && abs(widths[0] / widths[1] - 2) < 0.01 && widths[2] == 1)
    #expect(coordinates(chart.html).allSatisfy { (0...480).contains($0) })
    #expect(chart.html.markup.contains("very long very") && chart.html.markup.contains("\u{2026}"))
    #expect(BarChart(id: "n", title: "none", bars: []).html.markup.contains("<svg"))
  }

  @Test func `a page has its sections with links to them`() {
    var page = Page(title: "a & b", summary: "<p>s</p>")
    page.add("One", id: "one", "<p>1</p>")
    page.add("Two", id: "two", Table(caption: "c", columns: [.init("n", .number)], rows: [["1"]]).html)
    #expect(page.text.hasPrefix("<!DOCTYPE html>\n<html xmlns="))
    #expect(page.text.contains("<title>a &amp; b</title>"))
    #expect(page.text.contains("<a href=\"#two\">Two</a>") && page.text.contains("<section id=\"two\""))
    #expect(page.text.contains("<th scope=\"row\" class=\"number\">1</th>"))
  }
}
