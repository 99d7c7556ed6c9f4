/// A trainable tensor under its checkpoint name, such as `bert.encoder.layer.0.attention.self.query.weight`.
public final class Parameter: Sendable {
  public let name: String
  public let value: Tensor
  /// Backward adds to it; the training loop clears it.
  public let gradient: Tensor
  /// For a table of which a batch takes a few rows only.
  public let touched: TouchedRows?

  /// - Parameter isTable: whether only the rows have gradients that are named in `touched`.
  public init(name: String, value: Tensor, gradient: Tensor, isTable: Bool = false) {
    precondition(value.shape == gradient.shape, "\(name): a gradient has its value's shape")
    self.name = name
    self.value = value
    self.gradient = gradient
    precondition(!isTable || value.shape.count == 2, "\(name): a table has rows and columns")
    touched = isTable ? TouchedRows(rows: value.shape[0]) : nil
  }

  public convenience init(name: String, shape: [Int], isTable: Bool = false) {
    self.init(name: name, value: Tensor(shape), gradient: Tensor(shape), isTable: isTable)
  }
}
