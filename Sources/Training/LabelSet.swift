import IntrayCore

/// The labels of a model: names by index, in order of first appearance in the training file (recipe.md).
public struct LabelSet: Sendable, Equatable {
  /// A column with more different values than this holds something else than labels.
  public static let limit = 4096

  public private(set) var names: [String] = []
  private var indices: [String: Int32] = [:]

  public init() {}

  public init(_ names: [String]) {
    self.names = names
    for (index, name) in names.enumerated() { indices[name] = Int32(index) }
  }

  public var count: Int { names.count }

  /// The index of a label, entered where it is new.
  public mutating func enter(_ name: String, file: String, line: Int) throws -> Int32 {
    if let index = indices[name] { return index }
    guard names.count < Self.limit else {
      throw IntrayError(
        .data, "more than \(Self.limit) different labels", at: .init(file, line: line),
        hint: "is data.columns.label the right column?")
    }
    let index = Int32(names.count)
    names.append(name)
    indices[name] = index
    return index
  }

  /// The index of a label that the model must know.
  public func index(of name: String, file: String, line: Int) throws -> Int32 {
    if let index = indices[name] { return index }
    throw IntrayError(
      .data, "label '\(name)' is unknown to the model", at: .init(file, line: line),
      hint: Suggestion.hint(for: name, among: names))
  }
}
