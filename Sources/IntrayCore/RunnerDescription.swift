/// What a runner says about itself through the ABI's `describe`: its name, the files it takes and its parameters.
public struct RunnerDescription: Sendable, Equatable, Codable {
  /// A file role of the runner.
  public struct Role: Sendable, Equatable, Codable {
    public var required: Bool
    /// Which of `id`, `text`, `label` the file must have.
    public var columns: [String]
    public var description: String

    public init(required: Bool, columns: [String], description: String) {
      self.required = required
      self.columns = columns
      self.description = description
    }
  }

  public var name: String
  public var version: String
  public var summary: String
  /// The roles by name.
  public var data: [String: Role]
  /// JSON Schema (draft 2020-12) of `with`: an object with `properties`, `required` and `additionalProperties: false`.
  /// Understood: type, properties, required, default, enum, minimum, maximum, exclusiveMinimum, items, minItems,
  /// maxItems, description.
  public var parameters: JSONValue

  public init(name: String, version: String, summary: String, data: [String: Role], parameters: JSONValue) {
    self.name = name
    self.version = version
    self.summary = summary
    self.data = data
    self.parameters = parameters
  }
}
