import CLibYAML
import Foundation
import IntrayCore

/// Reads YAML through libyaml's events.
///
/// (1) Whatever the bytes are, the answer is a tree or an error that names line and column; nothing traps, and time and
///     memory are bounded by the limits below.
/// (2) Aliases count as what they stand for, so a tree is never larger than its limits say, however it was written.
public enum YAML {
  static let maximumBytes = 1 << 20
  static let maximumDepth = 64
  static let maximumNodes = 100_000
  /// Of all texts together, with what aliases repeat.
  static let maximumTextBytes = 4 << 20
  /// libyaml holds each %TAG against all before it, and no tag is supported anyway.
  static let maximumTagDirectives = 64

  /// The one document of a file. An empty file, or one of comments only, gives nothing: a null scalar.
  ///
  /// - Parameter path: As error messages name the file.
  /// - Throws: `IntrayError(.spec)`.
  public static func parse(_ data: Data, path: String) throws -> YAMLNode {
    guard data.count <= maximumBytes else {
      throw IntrayError(.spec, "larger than the limit of \(maximumBytes) bytes", at: .init(path))
    }
    return try data.withUnsafeBytes { bytes in
      // The byte order mark would count as a column.
      let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? UnsafeRawBufferPointer(rebasing: bytes[3...]) : bytes
      return try YAMLReader(text, path: path).document()
    }
  }
}

private final class YAMLReader {
  private struct Event {
    enum Kind {
      case start, end
      case documentStart, documentEnd
      case alias(String)
      case scalar(String, isPlain: Bool, anchor: String?)
      case sequenceStart(anchor: String?)
      case sequenceEnd
      case mappingStart(anchor: String?)
      case mappingEnd
    }

    var kind: Kind
    var line: Int
    var column: Int
  }

  /// A node with the size that an alias to it adds.
  private struct Sized {
    var node: YAMLNode
    var nodes: Int
    var textBytes: Int
  }

  private let bytes: UnsafeRawBufferPointer
  private let path: String
  /// On the heap, because libyaml keeps a pointer to it.
  private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
  private var anchors: [String: Sized] = [:]
  private var nodes = 0
  private var textBytes = 0

  init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    self.bytes = bytes
    self.path = path
    guard yaml_parser_initialize(parser) == 1 else {
      parser.deallocate()
      throw IntrayError(.system, "no memory for a YAML parser", at: .init(path), isTransient: true)
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  func document() throws -> YAMLNode {
    if let offset = TextPosition.firstNonText(in: bytes) {
      let place = TextPosition.lineAndColumn(of: offset, in: bytes)
      if bytes[offset] == 0 { throw error("a NUL byte: this is no text file", at: place) }
      throw error("not UTF-8", at: place, hint: "save the file as UTF-8")
    }
    try checkDirectives()
    _ = try next()
    let start = try next()
    guard case .documentStart = start.kind else { return YAMLNode(.scalar("", isPlain: true), line: 1, column: 1) }
    let root = try node(from: next(), depth: 0).node
    _ = try next()
    let end = try next()
    guard case .end = end.kind else {
      throw error("a second document begins here", at: (end.line, end.column), hint: "a file holds one")
    }
    return root
  }

  private func checkDirectives() throws {
    let directive = Array("%TAG".utf8)
    var count = 0
    for offset in bytes.indices
    where bytes[offset] == directive[0] && bytes[offset...].prefix(directive.count).elementsEqual(directive) {
      count += 1
      guard count <= YAML.maximumTagDirectives else {
        throw error(
          "more than \(YAML.maximumTagDirectives) times '%TAG'", at: TextPosition.lineAndColumn(of: offset, in: bytes),
          hint: "tags are not supported: leave these lines out")
      }
    }
  }

  private func node(from event: Event, depth: Int) throws -> Sized {
    let place = (event.line, event.column)
    guard depth < YAML.maximumDepth else { throw error("nested more than \(YAML.maximumDepth) deep", at: place) }
    switch event.kind {
    case .alias(let name):
      guard let target = anchors[name] else { throw error("alias '*\(name)' has no anchor before it", at: place) }
      try count(nodes: target.nodes, textBytes: target.textBytes, at: place)
      return target
    case .scalar(let text, let isPlain, let anchor):
      try count(nodes: 1, textBytes: text.utf8.count, at: place)
      return remember(.scalar(text, isPlain: isPlain), event, anchor, nodes: 1, textBytes: text.utf8.count)
    case .sequenceStart(let anchor):
      try count(nodes: 1, textBytes: 0, at: place)
      let before = (nodes, textBytes)
      var items: [YAMLNode] = []
      while true {
        let event = try next()
        if case .sequenceEnd = event.kind { break }
        items.append(try node(from: event, depth: depth + 1).node)
      }
      return remember(
        .sequence(items), event, anchor, nodes: nodes - before.0 + 1, textBytes: textBytes - before.1)
    case .mappingStart(let anchor):
      try count(nodes: 1, textBytes: 0, at: place)
      let before = (nodes, textBytes)
      let entries = try entries(depth: depth + 1)
      return remember(
        .mapping(entries), event, anchor, nodes: nodes - before.0 + 1, textBytes: textBytes - before.1)
    case .start, .end, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
      throw error("a value is missing here", at: place)
    }
  }

  private func entries(depth: Int) throws -> [(key: YAMLNode, value: YAMLNode)] {
    var entries: [(key: YAMLNode, value: YAMLNode)] = []
    var lines: [String: Int] = [:]
    while true {
      let event = try next()
      if case .mappingEnd = event.kind { return entries }
      let key = try node(from: event, depth: depth).node
      guard let name = key.text else {
        throw error("a key must be text, not \(key.spoken)", at: (event.line, event.column))
      }
      if let line = lines.updateValue(key.line, forKey: name) {
        throw error("key '\(name)' is here twice; it was given on line \(line)", at: (event.line, event.column))
      }
      entries.append((key, try node(from: next(), depth: depth).node))
    }
  }

  private func remember(
    _ value: YAMLNode.Value, _ event: Event, _ anchor: String?, nodes: Int, textBytes: Int
  ) -> Sized {
    let sized = Sized(
      node: YAMLNode(value, line: event.line, column: event.column), nodes: nodes, textBytes: textBytes)
    if let anchor { anchors[anchor] = sized }
    return sized
  }

  private func count(nodes more: Int, textBytes moreText: Int, at place: (Int, Int)) throws {
    nodes += more
    textBytes += moreText
    guard nodes <= YAML.maximumNodes else {
      throw error("more than \(YAML.maximumNodes) values, counting what aliases repeat", at: place)
    }
    guard textBytes <= YAML.maximumTextBytes else {
      throw error("more than \(YAML.maximumTextBytes) bytes of text, counting what aliases repeat", at: place)
    }
  }

  private func next() throws -> Event {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw parserError() }
    defer { yaml_event_delete(&event) }
    let (line, column) = (Int(event.start_mark.line) + 1, Int(event.start_mark.column) + 1)
    func text(_ start: UnsafeMutablePointer<yaml_char_t>?) -> String? { start.map { String(cString: $0) } }
    func refuse(tag: UnsafeMutablePointer<yaml_char_t>?) throws {
      if let tag = text(tag) {
        throw error("tags are not supported: '\(tag)'", at: (line, column), hint: "write the value without it")
      }
    }
    let kind: Event.Kind
    switch event.type {
    case YAML_STREAM_START_EVENT: kind = .start
    case YAML_DOCUMENT_START_EVENT: kind = .documentStart
    case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
    case YAML_ALIAS_EVENT: kind = .alias(text(event.data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      try refuse(tag: scalar.tag)
      kind = .scalar(
        String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self),
        isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE, anchor: text(scalar.anchor))
    case YAML_SEQUENCE_START_EVENT:
      try refuse(tag: event.data.sequence_start.tag)
      kind = .sequenceStart(anchor: text(event.data.sequence_start.anchor))
    case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
    case YAML_MAPPING_START_EVENT:
      try refuse(tag: event.data.mapping_start.tag)
      kind = .mappingStart(anchor: text(event.data.mapping_start.anchor))
    case YAML_MAPPING_END_EVENT: kind = .mappingEnd
    // YAML_STREAM_END_EVENT, and YAML_NO_EVENT that libyaml gives from there on.
    default: kind = .end
    }
    return Event(kind: kind, line: line, column: column)
  }

  private func parserError() -> IntrayError {
    let state = parser.pointee
    let problem = state.problem.map { String(cString: $0) } ?? "cannot be read"
    switch state.error {
    case YAML_MEMORY_ERROR: return IntrayError(.system, "no memory to read it", at: .init(path), isTransient: true)
    case YAML_READER_ERROR:
      return error(problem, at: TextPosition.lineAndColumn(of: state.problem_offset, in: bytes))
    default:
      let place = (Int(state.problem_mark.line) + 1, Int(state.problem_mark.column) + 1)
      let began = (Int(state.context_mark.line) + 1, Int(state.context_mark.column) + 1)
      let context = state.context.map {
        String(cString: $0) + (began == place || began == (1, 1) ? "" : " that began at \(began.0):\(began.1)")
      }
      let isTab = state.problem_mark.index < bytes.count && byte(at: place) == UInt8(ascii: "\t")
      return error(
        context.map { "\(problem) (\($0))" } ?? problem, at: place,
        hint: isTab ? "YAML is indented with spaces, not with tabs" : nil)
    }
  }

  /// The first byte of the character at this line and column.
  private func byte(at place: (line: Int, column: Int)) -> UInt8? {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).makeIterator()
    for _ in 1..<place.line { _ = lines.next() }
    return lines.next().flatMap { line in
      line.lazy.filter { $0 & 0xC0 != 0x80 }.dropFirst(place.column - 1).first
    }
  }

  private func error(_ message: String, at place: (line: Int, column: Int), hint: String? = nil) -> IntrayError {
    IntrayError(.spec, message, at: .init(path, line: place.line, column: place.column), hint: hint)
  }
}
