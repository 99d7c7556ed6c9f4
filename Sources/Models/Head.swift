import Layers

/// What stands between the encoder and the logits.
public enum Head: String, Codable, Sendable, CaseIterable {
  /// tanh of a dense layer over the first token, dropout, linear: transformers' BertForSequenceClassification.
  case pooler
  /// The mean over the tokens, dropout, linear.
  case mean

  /// A new pooling for this head.
  func pooling(features: Int) -> any Pooling {
    switch self {
    case .pooler: FirstTokenPooling(name: "bert.pooler.dense", features: features)
    case .mean: MeanPooling(features: features)
    }
  }
}
