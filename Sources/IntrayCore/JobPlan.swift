/// What a job will take, as its runner says before it runs (`plan` of the plugin ABI, `plan.json`).
///
/// Units stand in the keys. Memory and time are estimates; all other numbers are counted.
public struct JobPlan: Sendable, Equatable {
  /// The rows of one data file.
  public struct Rows: Sendable, Equatable, Codable {
    public var rows: Int
    /// Rows that were longer than the job's limit.
    public var rowsTruncated: Int
    /// As the model reads them: cut, special tokens included.
    public var tokens: Int
    /// Tokens of the texts that were cut away.
    public var tokensTruncated: Int
    /// Tokens of the longest row, cut.
    public var longestTokens: Int

    public init(rows: Int, rowsTruncated: Int, tokens: Int, tokensTruncated: Int, longestTokens: Int) {
      self.rows = rows
      self.rowsTruncated = rowsTruncated
      self.tokens = tokens
      self.tokensTruncated = tokensTruncated
      self.longestTokens = longestTokens
    }

    enum CodingKeys: String, CodingKey {
      case rows, tokens
      case rowsTruncated = "rows_truncated"
      case tokensTruncated = "tokens_truncated"
      case longestTokens = "longest_tokens"
    }
  }

  /// How one trainable tensor learns.
  public struct TensorRate: Sendable, Equatable, Codable {
    /// The checkpoint's name.
    public var name: String
    public var shape: [Int]
    /// The tensors of a group share their rate.
    public var group: String
    /// At the height of the schedule.
    public var learningRate: Double
    public var weightDecay: Double

    public init(name: String, shape: [Int], group: String, learningRate: Double, weightDecay: Double) {
      self.name = name
      self.shape = shape
      self.group = group
      self.learningRate = learningRate
      self.weightDecay = weightDecay
    }

    enum CodingKeys: String, CodingKey {
      case name, shape, group
      case learningRate = "learning_rate"
      case weightDecay = "weight_decay"
    }
  }

  /// The file's name in a plan's output folder.
  public static let fileName = "plan.json"
  /// The longest file, in bytes.
  public static let sizeLimit = 4 << 20

  /// The most memory that the worker will hold at a time.
  public var memoryBytes: Int
  /// What of it is for what, in bytes.
  public var memoryParts: [String: Int]
  /// From start to end, on the threads that the job gets.
  public var seconds: Double
  /// The data files by their role.
  public var data: [String: Rows]
  /// Optimiser steps, over all folds and epochs.
  public var steps: Int?
  /// Tokens that go through training, over all folds and epochs.
  public var trainedTokens: Int?
  /// Tokens that go through the model to be predicted, over all folds and epochs.
  public var predictedTokens: Int?
  /// Of the model.
  public var parameters: Int?
  public var trainableParameters: Int?
  /// Of the computing: `fp32`.
  public var precision: String?
  /// Every trainable tensor, in the checkpoint's order.
  public var learningRates: [TensorRate]

  public init(
    memoryBytes: Int, memoryParts: [String: Int] = [:], seconds: Double, data: [String: Rows] = [:], steps: Int? = nil,
    trainedTokens: Int? = nil, predictedTokens: Int? = nil, parameters: Int? = nil, trainableParameters: Int? = nil,
    precision: String? = nil, learningRates: [TensorRate] = []
  ) {
    self.memoryBytes = memoryBytes
    self.memoryParts = memoryParts
    self.seconds = seconds
    self.data = data
    self.steps = steps
    self.trainedTokens = trainedTokens
    self.predictedTokens = predictedTokens
    self.parameters = parameters
    self.trainableParameters = trainableParameters
    self.precision = precision
    self.learningRates = learningRates
  }
}

/// Only `memory_bytes` and `seconds` must be there, neither of them negative; what this version does not know is left
/// alone.
extension JobPlan: Codable {
  private enum CodingKeys: String, CodingKey {
    case seconds, data, steps, parameters, precision
    case memoryBytes = "memory_bytes"
    case memoryParts = "memory_parts_bytes"
    case trainedTokens = "trained_tokens"
    case predictedTokens = "predicted_tokens"
    case trainableParameters = "trainable_parameters"
    case learningRates = "learning_rates"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    memoryBytes = try container.decode(Int.self, forKey: .memoryBytes)
    seconds = try container.decode(Double.self, forKey: .seconds)
    memoryParts = try container.decodeIfPresent([String: Int].self, forKey: .memoryParts) ?? [:]
    data = try container.decodeIfPresent([String: Rows].self, forKey: .data) ?? [:]
    steps = try container.decodeIfPresent(Int.self, forKey: .steps)
    trainedTokens = try container.decodeIfPresent(Int.self, forKey: .trainedTokens)
    predictedTokens = try container.decodeIfPresent(Int.self, forKey: .predictedTokens)
    parameters = try container.decodeIfPresent(Int.self, forKey: .parameters)
    trainableParameters = try container.decodeIfPresent(Int.self, forKey: .trainableParameters)
    precision = try container.decodeIfPresent(String.self, forKey: .precision)
    learningRates = try container.decodeIfPresent([TensorRate].self, forKey: .learningRates) ?? []
    for (key, isGood) in [(CodingKeys.memoryBytes, memoryBytes >= 0), (.seconds, seconds >= 0)] where !isGood {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: container, debugDescription: "a negative \(key.stringValue)")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(memoryBytes, forKey: .memoryBytes)
    try container.encode(seconds, forKey: .seconds)
    if !memoryParts.isEmpty { try container.encode(memoryParts, forKey: .memoryParts) }
    if !data.isEmpty { try container.encode(data, forKey: .data) }
    try container.encodeIfPresent(steps, forKey: .steps)
    try container.encodeIfPresent(trainedTokens, forKey: .trainedTokens)
    try container.encodeIfPresent(predictedTokens, forKey: .predictedTokens)
    try container.encodeIfPresent(parameters, forKey: .parameters)
    try container.encodeIfPresent(trainableParameters, forKey: .trainableParameters)
    try container.encodeIfPresent(precision, forKey: .precision)
    if !learningRates.isEmpty { try container.encode(learningRates, forKey: .learningRates) }
  }
}
