/// A trainable tensor under its checkpoint name, such as `bert.encoder.layer.0.attention.self.query.weight`.
public final class Parameter: Sendable {
  public let name: String
  public let value: Tensor
  /// Backward adds to it; the training loop clears it.
  public let gradient: Tensor

  public init(name: String, value: Tensor, gradient: Tensor) {
    precondition(value.shape == gradient.shape, "\(name): a gradient has its value's shape")
    self.name = name
    self.value = value
    self.gradient = gradient
  }

  public convenience init(name: String, shape: [Int]) {
    self.init(name: name, value: Tensor(shape), gradient: Tensor(shape))
  }
}
