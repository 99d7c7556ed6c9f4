/// A page that is one file: its style is in it, it needs no script, and it loads nothing.
///
/// (1) Readable in light and dark, on a narrow screen, on paper, and by a screen reader.
/// (2) Well-formed XML as well as HTML, so that any parser reads it.
///
/// ```swift
/// var page = Page(title: "papers", summary: "<p>\(rows) rows</p>")
/// page.add("Lengths", id: "lengths", "\(histogram.html)\(table.html)")
/// try Files.publish(Data(page.text.utf8), to: "report.html")
/// ```
public struct Page: Sendable {
  public var title: String
  /// Below the title.
  public var summary: HTML
  private var sections: [(id: String, title: String, body: HTML)] = []

  public init(title: String, summary: HTML) {
    self.title = title
    self.summary = summary
  }

  /// - Parameter id: a short word of letters and hyphens, for links to the section.
  public mutating func add(_ title: String, id: String, _ body: HTML) { sections.append((id, title, body)) }

  public var text: String {
    let links: [HTML] = sections.map { "<li><a href=\"#\($0.id)\">\($0.title)</a></li>" }
    let bodies: [HTML] = sections.map {
      """
      <section id="\($0.id)" aria-labelledby="\($0.id)-title">
      <h2 id="\($0.id)-title">\($0.title)</h2>
      \($0.body)</section>

      """
    }
    let page: HTML = """
      <!DOCTYPE html>
      <html xmlns="http://www.w3.org/1999/xhtml" lang="en" xml:lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta name="color-scheme" content="light dark"/>
      <title>\(title)</title>
      <style>
      \(Self.style)
      </style>
      </head>
      <body>
      <header>
      <h1>\(HTML.datum(title))</h1>
      \(summary)
      <nav aria-label="Sections"><ul>\(links)</ul></nav>
      </header>
      <main>
      \(bodies)</main>
      </body>
      </html>

      """
    return page.markup
  }

  /// Figures that are seen first.
  public static func tiles(_ tiles: [(name: String, value: String)]) -> HTML {
    let parts: [HTML] = tiles.map { "<div><dt>\($0.name)</dt><dd>\($0.value)</dd></div>" }
    return "<dl class=\"tiles\">\(parts)</dl>\n"
  }

  /// Charts beside each other, or below each other where there is no room.
  public static func row(_ charts: [HTML]) -> HTML { "<div class=\"charts\">\(charts)</div>\n" }

  public enum Tone: String, Sendable {
    case warning
    case advice
  }

  /// What the reader should do, the most important first.
  public static func notes(_ notes: [(tone: Tone, text: String)]) -> HTML {
    let items: [HTML] = notes.map { note in
      let word = note.tone == .warning ? "Warning" : "Advice"
      return "<li class=\"\(note.tone.rawValue)\"><b>\(word)</b> \(note.text)</li>"
    }
    return "<ul class=\"notes\">\(items)</ul>\n"
  }

  // No '<' and no '&' in it: as XML, a style sheet is text like any other. Colours keep a contrast of 4.5 to 1 at least
  // (WCAG 2.2, 1.4.3); lines and bars 3 to 1 (1.4.11).
  private static let style: HTML = """
    :root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --soft: #57606a; --line: #d4d9df;
      --panel: #f4f6f8; --one: #2468a8; --two: #b0500c; --three: #5d7a1c; --warning: #a8321d; --link: #1a5c9e; }
    @media (prefers-color-scheme: dark) {
      :root { --page: #15181c; --text: #e3e6ea; --soft: #a0a8b2; --line: #363c44;
        --panel: #1e2227; --one: #6cb0f0; --two: #f0a35e; --three: #a8c766; --warning: #ff8f78; --link: #7dbcff; }
    }
    @media print {
      :root { color-scheme: light; --page: #fff; --text: #000; --soft: #444; --line: #bbb;
        --panel: #fff; --one: #2468a8; --two: #b0500c; --three: #5d7a1c; --warning: #a8321d; --link: #000; }
      nav { display: none; }
      figure, tr, .notes li, .tiles div { break-inside: avoid; }
      h2, h3, caption { break-after: avoid; }
      .scroll { overflow: visible !important; }
    }
    * { box-sizing: border-box; }
    body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 76rem; background: var(--page);
      color: var(--text); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif; }
    h1 { margin: 0.5rem 0; font-size: 1.9rem; line-height: 1.2; overflow-wrap: anywhere; }
    h2 { margin: 2.75rem 0 0.75rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line); font-size: 1.35rem;
      line-height: 1.25; }
    h3 { margin: 1.75rem 0 0.5rem; font-size: 1.05rem; }
    p { margin: 0.5rem 0; max-width: 46rem; }
    p.soft, figcaption small, caption small { color: var(--soft); }
    a { color: var(--link); }
    nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 1rem 0 0; padding: 0; list-style: none; }
    .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 0.75rem; margin: 1.25rem 0; }
    .tiles div { padding: 0.7rem 0.9rem; border: 1px solid var(--line); border-radius: 0.4rem; background: var(--panel); }
    .tiles dt { color: var(--soft); font-size: 0.85rem; line-height: 1.3; }
    .tiles dd { margin: 0.1rem 0 0; font-size: 1.45rem; line-height: 1.25; font-variant-numeric: tabular-nums;
      overflow-wrap: anywhere; }
    .notes { margin: 0.75rem 0; padding: 0; list-style: none; max-width: 58rem; }
    .notes li { margin: 0.5rem 0; padding: 0.5rem 0.9rem; border-left: 0.3rem solid var(--one); background: var(--panel);
      border-radius: 0 0.4rem 0.4rem 0; overflow-wrap: anywhere; }
    .notes b { color: var(--one); margin-right: 0.35rem; }
    .notes .warning { border-left-color: var(--warning); }
    .notes .warning b { color: var(--warning); }
    .scroll { overflow-x: auto; margin: 1rem 0; }
    table { border-collapse: collapse; font-size: 0.92rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
    caption { padding: 0.25rem 0; text-align: left; font-weight: 600; }
    th, td { padding: 0.3rem 1.1rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: left;
      vertical-align: top; }
    thead th { border-bottom-width: 2px; color: var(--soft); font-weight: 600; vertical-align: bottom; }
    tbody th { font-weight: 500; }
    th.text, td.text { min-width: 6rem; max-width: 34rem; overflow-wrap: anywhere; }
    th.prose, td.prose { min-width: 17rem; max-width: 34rem; overflow-wrap: anywhere; }
    th.number, td.number { text-align: right; white-space: nowrap; }
    @media (max-width: 40rem) {
      th, td { padding-right: 0.7rem; }
      th.text, td.text { min-width: 5.5rem; }
      th.prose, td.prose { min-width: 11rem; }
    }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem 2.5rem;
      align-items: start; }
    figure { margin: 1rem 0; max-width: 38rem; }
    figcaption { margin-bottom: 0.4rem; font-weight: 600; }
    figcaption small { display: block; font-size: 0.85rem; font-weight: 400; }
    svg { display: block; width: 100%; height: auto; font-size: 13px; }
    svg text { fill: var(--text); font-family: inherit; }
    svg .tick { fill: var(--soft); }
    svg .grid { stroke: var(--line); stroke-width: 1; }
    svg .axis { stroke: var(--soft); stroke-width: 1; }
    svg .mark { stroke: var(--text); stroke-width: 1; stroke-dasharray: 1.5 3; }
    svg .mark-name { fill: var(--text); }
    svg .bar { fill: var(--one); }
    svg .series { fill: none; stroke-width: 2.25; stroke-linejoin: round; }
    svg .point { stroke: none; }
    svg .s0 { stroke: var(--one); } svg .s1 { stroke: var(--two); stroke-dasharray: 7 4; }
    svg .s2 { stroke: var(--three); stroke-dasharray: 2 4; }
    svg .p0 { fill: var(--one); } svg .p1 { fill: var(--two); } svg .p2 { fill: var(--three); }
    .legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0.25rem 0 0; padding: 0; list-style: none;
      font-size: 0.9rem; }
    .legend svg { display: inline-block; width: 2rem; height: 0.7rem; margin-right: 0.4rem; vertical-align: baseline; }
    """
}
