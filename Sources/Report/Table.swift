/// A table that scrolls sideways where the page is too narrow for it.
public struct Table: Sendable {
  public struct Column: Sendable {
    public var name: String
    /// Numbers stand at the right.
    public var isNumber: Bool

    public init(_ name: String, isNumber: Bool = false) {
      self.name = name
      self.isNumber = isNumber
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

  private func mark(_ column: Column) -> HTML { column.isNumber ? " class=\"number\"" : "" }
}

extension HTML {
  /// Text from the data: its direction of writing stays its own.
  public static func datum(_ text: String) -> HTML { "<bdi>\(text)</bdi>" }
}
