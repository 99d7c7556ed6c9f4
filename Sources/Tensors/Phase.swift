/// What the pool's time goes to.
public enum Phase: Int, Sendable, CaseIterable {
  case packing
  case embeddings
  /// Attention, forward.
  case attention
  /// Everything between two attentions, forward.
  case feedForward
  case head
  /// Everything between two attentions, backward.
  case feedForwardBackward
  /// Attention's backward, and the weights' gradients beside it.
  case attentionBackward
  case embeddingsBackward
  case optimiser
  /// A few sequences through the whole model.
  case inference
  case tokenising
  /// Cleaning and changing texts.
  case editing
  case measuring

  /// For files: `feed_forward`.
  public var name: String { Self.names[rawValue] }

  private static let names = [
    "packing", "embeddings", "attention", "feed_forward", "head", "feed_forward_backward", "attention_backward",
    "embeddings_backward", "optimiser", "inference", "tokenising", "editing", "measuring",
  ]
}

/// The time of one phase.
public struct PhaseTime: Sendable, Equatable {
  /// From call to return, in seconds.
  public var wall = 0.0
  /// In which threads computed, added over the threads: `wall` times the threads at best.
  public var busy = 0.0

  public init(wall: Double = 0, busy: Double = 0) {
    self.wall = wall
    self.busy = busy
  }

  public static func - (a: PhaseTime, b: PhaseTime) -> PhaseTime { .init(wall: a.wall - b.wall, busy: a.busy - b.busy) }
  public static func += (a: inout PhaseTime, b: PhaseTime) { a = .init(wall: a.wall + b.wall, busy: a.busy + b.busy) }
}
