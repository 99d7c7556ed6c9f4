import Foundation
import IntrayCore
import SpecFile
import TestSupport
import Testing

/// What a runner like Finetune says about itself.
let finetune = RunnerDescription(
  name: "finetune", version: "1.0", summary: "fine-tunes a classifier",
  data: [
    "train": .init(required: true, columns: ["text", "label"], description: "labelled rows to learn from"),
    "test": .init(required: false, columns: ["text"], description: "rows to label"),
  ],
  parameters: [
    "type": "object", "additionalProperties": false, "required": ["model"],
    "properties": [
      "model": ["type": "string", "description": "a name in the model store, or a path"],
      "epochs": ["type": "integer", "minimum": 1, "maximum": 100, "default": 3],
      "lr": ["type": "number", "exclusiveMinimum": 0, "default": 2e-5],
      "dropout": ["type": "number", "minimum": 0, "maximum": 0.9, "default": 0.1],
      "head": ["type": "string", "enum": ["mean", "pooler"], "default": "mean"],
      "seeds": ["type": "array", "items": ["type": "integer"], "minItems": 1, "maxItems": 3, "default": [1]],
      "folds": ["type": ["integer", "null"], "minimum": 2, "default": nil],
      "schedule": [
        "type": "object", "additionalProperties": false,
        "properties": ["warmup": ["type": "number", "minimum": 0, "default": 0.06], "kind": ["type": "string"]],
      ],
    ],
  ])

extension JSONValue: ExpressibleByNilLiteral {
  public init(nilLiteral: ()) { self = .null }
}

/// Each folder of `Fixtures/yaml`: the spec is refused with exactly the message of `expected.txt`.
@Suite struct SpecFixtureTests {
  static let folder = Checkout.fixture("yaml")
  static let cases: [String] =
    (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted()
    .filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/spec.yaml") } ?? []

  @Test func `there are fixtures`() {
    #expect(Self.cases.count > 50)
  }

  @Test(arguments: cases)
  func `a bad spec is refused with a message that says where and what`(name: String) throws {
    let expected = try String(contentsOfFile: "\(Self.folder)/\(name)/expected.txt", encoding: .utf8)
    let error = #expect(throws: IntrayError.self) {
      _ = try DraftSpec.read("\(Self.folder)/\(name)/spec.yaml").resolve(for: finetune)
    }
    #expect(error?.description == expected.trimmingCharacters(in: .newlines))
    #expect(error?.code == .spec)
    #expect(error?.isTransient == false)
  }
}
