/// Which rows are copies of which, as runner `augment` writes it into the column `parent_id`: an original has its own id
/// there, or nothing.
///
/// (1) A copy may stand before its original, or without it.
public struct Lineage: Sendable, Equatable {
  public static let parentColumn = "parent_id"

  /// The parent's id of each copy.
  private var parents: [Int: String] = [:]
  /// The row of each id that is an original's; filled once there are copies to look for.
  private var originals: [String: Int] = [:]
  public private(set) var count = 0

  public init() {}

  public mutating func append(id: String, parent: String?) {
    if let parent {
      parents[count] = parent
    } else {
      originals[id] = count
    }
    count += 1
  }

  /// The rows that are no copies, ascending.
  public var originalRows: [Int] { (0..<count).filter { parents[$0] == nil } }

  /// For each row the row that it is a copy of, itself for an original; nil for a copy whose original is not there.
  public var origins: [Int?] {
    (0..<count).map { row in parents[row].map { originals[$0] } ?? row }
  }
}
