/// Numbers as a report shows them, the same on every machine.
public enum NumberText {
  /// `49,997`
  public static func count(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var text = number < 0 ? "-" : ""
    for (place, digit) in digits.enumerated() {
      if place > 0, (digits.count - place).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return text
  }

  /// `1 row`, `2 rows`
  public static func count(_ number: Int, _ thing: String) -> String {
    "\(count(number)) \(thing)\(number == 1 ? "" : "s")"
  }

  /// `11.1%`. What is not nothing and not all is never shown as 0% or 100%.
  public static func percent(_ share: Double) -> String {
    guard share.isFinite else { return "none" }
    if share > 0, share < 0.0005 { return "<0.1%" }
    if share < 1, share >= 0.9995 { return ">99.9%" }
    let text = decimal(share * 100, places: 1)
    return text + (share == 0 || share == 1 || text.contains(".") ? "" : ".0") + "%"
  }

  /// `3.1`, or `3` where nothing follows the point.
  public static func decimal(_ number: Double, places: Int) -> String {
    // Beyond this a Double has no decimals, and an Int has no room.
    guard number.isFinite, number.magnitude < 1e12 else { return "\(number)" }
    let scale = (0..<max(places, 0)).reduce(1) { scale, _ in scale * 10 }
    let scaled = Int((number * Double(scale)).rounded())
    let (whole, rest) = scaled.magnitude.quotientAndRemainder(dividingBy: UInt(scale))
    var text = (scaled < 0 ? "-" : "") + count(Int(whole))
    if rest > 0 {
      var decimals = String(rest)
      decimals = String(repeating: "0", count: max(0, places - decimals.count)) + decimals
      while decimals.hasSuffix("0") { decimals.removeLast() }
      text += "." + decimals
    }
    return text
  }

  /// A coordinate: no separators, two decimals at most.
  static func short(_ number: Double) -> String {
    decimal(number, places: 2).filter { $0 != "," }
  }
}
