/// A table that scrolls sideways where the page is too narrow for it.
public struct Table: Sendable {
  public struct Column: Sendable {
    public enum Content: String, Sendable {
      case text
      /// Stands at the right, and is never broken.
      case number
      /// Several words: gets room for them.
      case prose
    }

    public var name: String
    public var content: Content

    public init(_ name: String, _ content: Content = .text) {
      self.name = name
      self.content = content
    }
  }

  public var caption: String
  public var columns: [Column]
  /// The first cell of a row is its head.
  public var rows: [[HTML]]

  public init(caption: String, columns: [Column], rows: [[HTML]]) {
    self.caption = caption
    self.columns = columns
    self.rows = rows
  }

  public var html: HTML {
    let head: [HTML] = columns.map { "<th scope=\"col\"\(mark($0))>\($0.name)</th>" }
    let body: [HTML] = rows.map { row in
      let cells: [HTML] = zip(columns, row).enumerated().map { index, pair in
        index == 0
          ? "<th scope=\"row\"\(mark(pair.0))>\(pair.1)</th>" : "<td\(mark(pair.0))>\(pair.1)</td>"
      }
      return "<tr>\(cells)</tr>\n"
    }
    return """
      <div class="scroll" tabindex="0" role="region" aria-label="\(caption)"><table>
      <caption>\(caption)</caption>
      <thead><tr>\(head)</tr></thead>
      <tbody>
      \(body)</tbody>
      </table></div>

      """
  }

  private func mark(_ column: Column) -> HTML { " class=\"\(column.content.rawValue)\"" }
}

extension HTML {
  /// Text from the data: its direction of writing stays its own.
  public static func datum(_ text: String) -> HTML { "<bdi>\(text)</bdi>" }
}
