/// What a table may hold. More is refused with an error that says the limit.
public struct TableLimits: Sendable {
  public var maxFieldBytes: Int
  public var maxRowBytes: Int
  public var maxColumns: Int

  public init(maxFieldBytes: Int = 1 << 20, maxRowBytes: Int = 16 << 20, maxColumns: Int = 1024) {
    self.maxFieldBytes = maxFieldBytes
    self.maxRowBytes = maxRowBytes
    self.maxColumns = maxColumns
  }

  public static let standard = TableLimits()
}
