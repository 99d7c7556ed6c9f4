import Foundation
import IntrayCore
import SpecFile
import Tables
import WorkerLink

extension FuzzTarget {
  private static let runner = RunnerDescription(
    name: "finetune", version: "1", summary: "",
    data: [
      "train": .init(required: true, columns: ["text"], description: ""),
      "test": .init(required: false, columns: [], description: ""),
    ],
    parameters: [
      "type": "object", "additionalProperties": false, "required": ["model"],
      "properties": [
        "model": ["type": "string"], "epochs": ["type": "integer", "minimum": 1, "default": 3],
        "rate": ["type": "number", "exclusiveMinimum": 0, "maximum": 1], "head": ["enum": ["mean", "pooler"]],
        "limit": ["type": ["integer", "null"]], "force": ["type": "boolean"],
        "steps": ["type": "array", "items": ["type": "string"], "minItems": 1, "maxItems": 3],
        "more": ["type": "object"],
      ],
    ])

  private static func resolve(_ yaml: Data) throws -> JobSpec {
    let node = try YAML.parse(yaml, path: "spec.yaml")
    return try DraftSpec(node: node, path: "spec.yaml", defaultName: "spec").resolve(for: runner)
  }

  static func spec(_ bytes: Data) throws {
    _ = try YAML.parse(bytes, path: "spec.yaml").json()
    let spec = try resolve(bytes)
    do {
      try check(resolve(Data(SpecWriter.yaml(spec).utf8)) == spec, "a spec that is written reads back the same")
    } catch let error as IntrayError {
      throw Broken(promise: "a spec that is written can be read: \(error)")
    }
  }

  static func configuration(_ bytes: Data) throws {
    let node = try YAML.parse(bytes, path: "intray.yaml")
    let configuration = try Configuration(node, path: "intray.yaml", folder: "/intray")
    for name in ["papers-1.csv", ".csv", "a b.tsv"] { _ = try configuration.route(forFile: name)?.draft(forFile: name) }
  }

  static func csv(_ bytes: Data, _ folder: String) throws {
    let path = "\(folder)/table.csv"
    try bytes.write(to: URL(fileURLWithPath: path))
    _ = try TableInspection(path, rows: 3)
    let table = try TableReader(path)
    _ = try? table.column("title")
    let copyPath = "\(folder)/copy.csv"
    let writer = try TableWriter(copyPath, header: table.header, delimiter: table.delimiter)
    var rows: [[String]] = []
    while true {
      do {
        guard let row = try table.next() else { break }
        rows.append(row.fields)
        try writer.write(row.fields)
      } catch is IntrayError {
        // The reader goes on behind a row that is broken.
      }
    }
    try writer.close()
    let copy = try TableReader(copyPath)
    try check(utf8([copy.header]) == utf8([table.header]), "a header that is written reads back the same")
    var copied: [[String]] = []
    do {
      while let row = try copy.next() { copied.append(row.fields) }
    } catch let error as IntrayError {
      throw Broken(promise: "rows that are written can be read: \(error)")
    }
    try check(utf8(copied) == utf8(rows), "rows that are written read back the same")
  }

  /// Two spellings of é are equal strings.
  private static func utf8(_ rows: [[String]]) -> [[[UInt8]]] { rows.map { $0.map { Array($0.utf8) } } }

  static func json(_ bytes: Data) throws {
    attempt {
      try bytes.withUnsafeBytes { text in
        var scanner = JSONScanner(text, path: "text.json", code: .data)
        try scanner.skip()
        try scanner.end()
      }
    }
    attempt { _ = try JSON.decode(RunnerDescription.self, from: bytes, path: "text.json") }
    attempt { _ = try JSON.decode(JobSpec.self, from: bytes, path: "text.json") }
    attempt { _ = try JSON.decode(JobPlan.self, from: bytes, path: "text.json") }
    let value = try JSON.decode(JSONValue.self, from: bytes, path: "text.json")
    let again = try JSON.decode(JSONValue.self, from: JSON.encode(value), path: "text.json")
    try check(again == value, "JSON that is written reads back the same")
  }

  /// Several parsers take the same bytes; one that refuses them leaves them to the next.
  private static func attempt(_ body: () throws -> Void) { try? body() }

  static func messages(_ bytes: Data) throws {
    for type in [ControlRequest.self, ControlReply.self, WorkerTask.self] as [any Decodable.Type] {
      attempt { _ = try JSON.decode(type, from: bytes, path: "request") }
    }
    // The first byte says in what pieces the pipe gives the rest.
    let size = Int(bytes.first ?? 0) + 1
    var decoder = FrameDecoder()
    var rest = bytes.dropFirst()
    while !rest.isEmpty {
      rest.prefix(size).withUnsafeBytes { decoder.append($0) }
      rest = rest.dropFirst(size)
      while let body = try decoder.next() {
        try check(body.count <= Frame.limit, "a frame keeps its limit")
        guard let message = try? JSONDecoder().decode(WorkerMessage.self, from: body) else { continue }
        _ = message.isFinal
        if case .failed(let report) = message { _ = report.error }
        let frame = try Frame.encode(JSON.encode(message))
        try check(frame.count > 4, "a message that is read can be written")
      }
    }
  }
}
