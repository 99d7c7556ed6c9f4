/// The drawing area of a chart and what stands around it. Lengths are in the drawing's units: 480 are the whole width,
/// so that letters of 13 units can be read on a telephone and are not huge on a wide screen.
struct Frame {
  static let width = 480.0
  var left: Double
  var right = 14.0
  var top: Double
  var bottom: Double
  var height: Double

  var innerWidth: Double { Self.width - left - right }
  var innerHeight: Double { height - top - bottom }
  var floor: Double { height - bottom }

  func x(_ share: Double) -> Double { left + share * innerWidth }
  func y(_ share: Double) -> Double { floor - share * innerHeight }

  /// The chart as a figure. `id` is a word that no other chart of the page has.
  func figure(id: String, title: String, subtitle: String, description: String, _ drawing: [HTML], below: HTML = "")
    -> HTML
  {
    let small: HTML = subtitle.isEmpty ? "" : "<small>\(subtitle)</small>"
    return """
      <figure><figcaption>\(title)\(small)</figcaption>
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.width) \(height)" role="img" \
      aria-labelledby="\(id)-title \(id)-desc">
      <title id="\(id)-title">\(title)</title><desc id="\(id)-desc">\(description)</desc>
      \(drawing)
      </svg>\(below)</figure>

      """
  }

  func rows(_ axis: Axis, _ text: (Double) -> String) -> [HTML] {
    axis.ticks.map { tick in
      let y = y(axis.place(tick))
      return """
        <line class="grid" x1="\(left)" x2="\(Self.width - right)" y1="\(y)" y2="\(y)"/>\
        <text class="tick" x="\(left - 6)" y="\(y + 4)" text-anchor="end">\(text(tick))</text>
        """
    }
  }

  func columns(_ axis: Axis, name: String, _ text: (Double) -> String) -> [HTML] {
    let ticks: [HTML] = axis.ticks.map { tick in
      let x = x(axis.place(tick))
      return """
        <line class="axis" x1="\(x)" x2="\(x)" y1="\(floor)" y2="\(floor + 4)"/>\
        <text class="tick" x="\(x)" y="\(floor + 18)" text-anchor="middle">\(text(tick))</text>
        """
    }
    return ticks + [
      """
      <line class="axis" x1="\(left)" x2="\(Self.width - right)" y1="\(floor)" y2="\(floor)"/>\
      <text class="tick" x="\(left + innerWidth / 2)" y="\(floor + 36)" text-anchor="middle">\(name)</text>
      """
    ]
  }

  /// Vertical lines with their names above the drawing, in two lines where they stand close together.
  func marks(_ marks: [ChartMark], _ axis: Axis) -> [HTML] {
    var ends = [-Double.infinity, -Double.infinity]
    return marks.filter { axis.low <= $0.value && $0.value <= axis.high }.sorted { $0.value < $1.value }.map { mark in
      let x = x(axis.place(mark.value))
      let half = Self.textWidth(mark.name) / 2 + 3
      let line = x - half >= ends[0] ? 0 : 1
      ends[line] = x + half
      let textX = min(max(x, half), Self.width - half)
      return """
        <line class="mark" x1="\(x)" x2="\(x)" y1="\(top)" y2="\(floor)"/>\
        <text class="mark-name" x="\(textX)" y="\(line == 0 ? top - 6 : top - 21)" text-anchor="middle">\(mark.name)</text>
        """
    }
  }

  /// About as wide as it will be drawn.
  static func textWidth(_ text: String) -> Double {
    // A guess from above: of Latin letters only m and w are wider, and East Asian ones.
    text.unicodeScalars.reduce(0) { $0 + ($1.value >= 0x2E80 || (0x1100..<0x1200).contains($1.value) ? 13 : 7.8) }
  }

  /// Cut to a width, with an ellipsis.
  static func cut(_ text: String, width: Double) -> String {
    if textWidth(text) <= width { return text }
    var cut = ""
    var used = 10.0
    for character in text {
      used += textWidth(String(character))
      if used > width { break }
      cut.append(character)
    }
    return cut + "\u{2026}"
  }
}

/// A value along the horizontal axis that is worth a line.
public struct ChartMark: Sendable {
  public var value: Double
  public var name: String

  public init(_ value: Double, _ name: String) {
    self.value = value
    self.name = name
  }
}

/// Horizontal bars, each with its name and value: of the classes of a data set.
public struct BarChart: Sendable {
  public struct Bar: Sendable {
    public var name: String
    public var value: Double
    /// The value as it is shown.
    public var text: String

    public init(name: String, value: Double, text: String) {
      self.name = name
      self.value = value
      self.text = text
    }
  }

  public var id: String
  public var title: String
  public var subtitle: String
  public var bars: [Bar]

  public init(id: String, title: String, subtitle: String = "", bars: [Bar]) {
    self.id = id
    self.title = title
    self.subtitle = subtitle
    self.bars = bars
  }

  public var html: HTML {
    let step = 21.0
    let names = bars.map { Frame.cut($0.name, width: 150) }
    let texts = bars.map { Frame.textWidth($0.text) }.max() ?? 0
    var frame = Frame(
      left: (names.map(Frame.textWidth).max() ?? 0) + 12, top: 4, bottom: 4, height: step * Double(bars.count) + 8)
    frame.right = texts + 12
    let largest = bars.map(\.value).max() ?? 0
    let drawing: [HTML] = zip(bars, names).enumerated().map { index, pair in
      let y = frame.top + Double(index) * step
      let width = largest > 0 ? max(1, frame.innerWidth * pair.0.value / largest) : 1
      return """
        <g><title>\(pair.0.name): \(pair.0.text)</title>\
        <text x="\(frame.left - 8)" y="\(y + 15)" text-anchor="end">\(pair.1)</text>\
        <rect class="bar" x="\(frame.left)" y="\(y + 3)" width="\(width)" height="\(step - 6)" rx="1.5"/>\
        <text class="tick" x="\(frame.left + width + 6)" y="\(y + 15)">\(pair.0.text)</text></g>

        """
    }
    let description = bars.prefix(10).map { "\($0.name): \($0.text)" }.joined(separator: "; ")
    return frame.figure(
      id: id, title: title, subtitle: subtitle,
      description: "Bars. \(description)\(bars.count > 10 ? "; and \(bars.count - 10) more" : "").", drawing)
  }
}

/// How often values fall into bins of the same width, from 0 on.
public struct HistogramChart: Sendable {
  public var id: String
  public var title: String
  public var subtitle: String
  /// What is counted along the horizontal axis, and what along the vertical one.
  public var xName: String
  public var yName: String
  public var binWidth: Int
  public var counts: [Int]
  public var marks: [ChartMark]

  public init(
    id: String, title: String, subtitle: String = "", xName: String, yName: String, binWidth: Int, counts: [Int],
    marks: [ChartMark] = []
  ) {
    self.id = id
    self.title = title
    self.subtitle = subtitle
    self.xName = xName
    self.yName = yName
    self.binWidth = binWidth
    self.counts = counts
    self.marks = marks
  }

  public var html: HTML {
    let x = Axis(0...Double(max(counts.count * binWidth, 1)), ticks: 7, isWhole: true, grows: false)
    let y = Axis(0...Double(max(counts.max() ?? 0, 1)), ticks: 5, isWhole: true)
    let widest = y.ticks.map { Frame.textWidth(NumberText.count(Int($0))) }.max() ?? 0
    let frame = Frame(left: widest + 12, top: 38, bottom: 44, height: 270)
    var drawing = frame.rows(y) { NumberText.count(Int($0)) }
    for (bin, count) in counts.enumerated() where count > 0 {
      let (from, to) = (bin * binWidth, (bin + 1) * binWidth)
      let left = frame.x(x.place(Double(from)))
      let width = max(0.8, frame.x(x.place(Double(to))) - left - 1)
      let height = max(0.8, y.place(Double(count)) * frame.innerHeight)
      let name = binWidth == 1 ? NumberText.count(from) : "\(NumberText.count(from)) to \(NumberText.count(to - 1))"
      drawing.append(
        """
        <rect class="bar" x="\(left + 0.5)" y="\(frame.floor - height)" width="\(width)" height="\(height)">\
        <title>\(name) \(xName): \(NumberText.count(count)) \(yName)</title></rect>

        """)
    }
    drawing += frame.columns(x, name: xName) { NumberText.count(Int($0)) }
    drawing += frame.marks(marks, x)
    let total = counts.reduce(0, +)
    let top = counts.indices.max { counts[$0] < counts[$1] } ?? 0
    let description =
      "Histogram of \(NumberText.count(total)) \(yName) by \(xName). The highest bar is at \(top * binWidth) to \((top + 1) * binWidth - 1)."
    return frame.figure(id: id, title: title, subtitle: subtitle, description: description, drawing)
  }
}

/// One or more curves over one axis: a loss by step, a share by length. At most three can be told apart.
public struct LineChart: Sendable {
  public struct Series: Sendable {
    public var name: String
    /// By ascending x.
    public var points: [(x: Double, y: Double)]
    /// Draws each point, too.
    public var hasDots: Bool

    public init(name: String, points: [(x: Double, y: Double)], hasDots: Bool = false) {
      self.name = name
      self.points = points
      self.hasDots = hasDots
    }
  }

  public var id: String
  public var title: String
  public var subtitle: String
  public var xName: String
  public var series: [Series]
  public var marks: [ChartMark]
  /// nil takes what the points need.
  public var yRange: ClosedRange<Double>?
  /// How a value is shown.
  public var yText: @Sendable (Double) -> String

  public init(
    id: String, title: String, subtitle: String = "", xName: String, series: [Series], marks: [ChartMark] = [],
    yRange: ClosedRange<Double>? = nil,
    yText: @escaping @Sendable (Double) -> String = { NumberText.decimal($0, places: 4) }
  ) {
    self.id = id
    self.title = title
    self.subtitle = subtitle
    self.xName = xName
    self.series = series
    self.marks = marks
    self.yRange = yRange
    self.yText = yText
  }

  public var html: HTML {
    // A curve that has gone to infinity is drawn as far as it is finite.
    let shown = series.prefix(3).map { one in
      Series(name: one.name, points: one.points.filter { $0.x.isFinite && $0.y.isFinite }, hasDots: one.hasDots)
    }
    let points = shown.flatMap(\.points)
    let xs = points.map(\.x)
    let ys = points.map(\.y)
    let x = Axis(
      (xs.min() ?? 0)...(xs.max() ?? 1), ticks: 7, isWhole: xs.allSatisfy { $0 == $0.rounded() }, grows: false)
    let y = Axis(yRange ?? (ys.min() ?? 0)...(ys.max() ?? 1), ticks: 5)
    let widest = y.ticks.map { Frame.textWidth(yText($0)) }.max() ?? 0
    let frame = Frame(left: widest + 12, top: 38, bottom: 44, height: 270)
    var drawing = frame.rows(y, yText) + frame.columns(x, name: xName) { NumberText.decimal($0, places: 2) }
    drawing += frame.marks(marks, x)
    for (index, one) in shown.enumerated() {
      func at(_ point: (x: Double, y: Double)) -> (Double, Double) {
        (frame.x(x.place(point.x)), frame.y(min(max(y.place(point.y), 0), 1)))
      }
      let path: [HTML] = one.points.map { point in
        let (x, y) = at(point)
        return "\(x),\(y) "
      }
      drawing.append("<polyline class=\"series s\(index)\" points=\"\(path)\"/>\n")
      for point in one.points where one.hasDots {
        let (x, y) = at(point)
        drawing.append(
          """
          <circle class="point p\(index)" cx="\(x)" cy="\(y)" r="4">\
          <title>\(one.name), \(NumberText.decimal(point.x, places: 2)) \(xName): \(yText(point.y))</title></circle>

          """)
      }
    }
    let legend: [HTML] = shown.enumerated().map { index, one in
      """
      <li><svg viewBox="0 0 32 11" aria-hidden="true"><line class="series s\(index)" x1="0" x2="32" y1="6" y2="6"/></svg>\
      \(one.name)</li>
      """
    }
    let ends = shown.map { one in
      let (first, last) = (one.points.first, one.points.last)
      let text =
        first.flatMap { first in last.map { last in "from \(yText(first.y)) to \(yText(last.y))" } } ?? "no points"
      return "\(one.name): \(text)"
    }
    return frame.figure(
      id: id, title: title, subtitle: subtitle, description: "Curves over \(xName). \(ends.joined(separator: "; ")).",
      drawing, below: shown.count > 1 ? "<ul class=\"legend\">\(legend)</ul>" : "")
  }
}
