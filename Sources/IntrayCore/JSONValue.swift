import Foundation

/// A JSON value. Integers and other numbers stay apart, so that `3` is written back as `3`.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])
}

extension JSONValue {
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var int: Int? { if case .int(let value) = self { value } else { nil } }
  public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  public var object: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }
  /// Any number.
  public var double: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// The member of an object, nil for anything else.
  public subscript(key: String) -> JSONValue? { object?[key] }

  /// The word that an error message uses: `integer`, `text`, `list` ...
  public var typeName: String {
    switch self {
    case .null: "nothing"
    case .bool: "true or false"
    case .int: "integer"
    case .double: "number"
    case .string: "text"
    case .array: "list"
    case .object: "mapping"
    }
  }
}

extension JSONValue: Codable {
  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Only the kind of a value is tried out, never what it holds: a fault deep inside would be looked for again on each
  /// level. And each wrong kind costs an error with the whole path, so the depth has a limit.
  public init(from decoder: any Decoder) throws {
    guard decoder.codingPath.count <= JSONScanner.deepest else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: [], debugDescription: "nested deeper than \(JSONScanner.deepest)"))
    }
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let members = try? decoder.container(keyedBy: Name.self) {
      var object: [String: JSONValue] = [:]
      for name in members.allKeys { object[name.stringValue] = try members.decode(JSONValue.self, forKey: name) }
      self = .object(object)
    } else if var elements = try? decoder.unkeyedContainer() {
      var array: [JSONValue] = []
      while !elements.isAtEnd { array.append(try elements.decode(JSONValue.self)) }
      self = .array(array)
    } else if let text = try? value.decode(String.self) {
      self = .string(text)
    } else if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let number = try? value.decode(Int.self) {
      self = .int(number)
    } else {
      // A number whose digits end beyond a double's may become a whole one, which is written and read again as such.
      let number = try value.decode(Double.self)
      self = Int(exactly: number).map(JSONValue.int) ?? .double(number)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .double(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .int(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements) { _, last in last })
  }
}

/// JSON text in and out, the same everywhere: sorted keys, no escaped slashes.
public enum JSON {
  /// - Throws: `IntrayError` with `code` and `path` when the text is not JSON of the wanted shape.
  public static func decode<Value: Decodable>(
    _ type: Value.Type = Value.self, from data: Data, path: String, code: IntrayError.Code = .data
  ) throws -> Value {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    do {
      return try decoder.decode(type, from: data)
    } catch let error as DecodingError {
      throw IntrayError(code, "not the JSON that was expected: \(explain(error))", at: .init(path))
    }
  }

  public static func decode<Value: Decodable>(
    _ type: Value.Type = Value.self, from text: String, path: String, code: IntrayError.Code = .data
  ) throws -> Value {
    try decode(type, from: Data(text.utf8), path: path, code: code)
  }

  /// - Throws: `EncodingError` for a number that JSON cannot hold (NaN, infinity).
  public static func encode(_ value: some Encodable, pretty: Bool = false) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting =
      pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    return try encoder.encode(value)
  }

  public static func text(_ value: some Encodable, pretty: Bool = false) throws -> String {
    String(decoding: try encode(value, pretty: pretty), as: UTF8.self)
  }

  private static func explain(_ error: DecodingError) -> String {
    func path(_ context: DecodingError.Context) -> String {
      let keys = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
      return keys.isEmpty ? "" : " at \(keys)"
    }
    switch error {
    case .keyNotFound(let key, let context): return "no key '\(key.stringValue)'\(path(context))"
    case .typeMismatch(let type, let context): return "not a \(type)\(path(context))"
    case .valueNotFound(let type, let context): return "null where a \(type) is needed\(path(context))"
    case .dataCorrupted(let context): return context.debugDescription + path(context)
    @unknown default: return String(describing: error)
    }
  }
}
