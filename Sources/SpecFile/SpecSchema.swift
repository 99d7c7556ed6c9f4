import IntrayCore

/// JSON Schema (draft 2020-12) of a spec, for editors: one alternative for each runner.
///
/// `DraftSpec` is the judge; the schema only says the same in another language.
public enum SpecSchema {
  public static func json(for runners: [RunnerDescription]) -> JSONValue {
    [
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "title": "Intray job spec",
      "type": "object",
      "required": ["run"],
      "properties": ["run": ["enum": .array(runners.map { .string($0.name) })]],
      "oneOf": .array(runners.map(spec)),
      "$defs": [
        "file": [
          "oneOf": [
            ["type": "string"],
            [
              "type": "object",
              "required": ["path"],
              "properties": [
                "path": ["type": "string"],
                "sha256": ["type": "string", "pattern": "^[0-9a-fA-F]{64}$"],
                "rows": ["type": "integer", "minimum": 0],
              ],
              "additionalProperties": false,
            ],
          ]
        ],
        "columns": [
          "type": "object",
          "properties": [
            "id": ["type": "string"],
            "text": [
              "oneOf": [
                ["type": "string"],
                ["type": "array", "items": ["type": "string"], "minItems": 1, "maxItems": 2],
              ]
            ],
            "label": ["type": "string"],
          ],
          "additionalProperties": false,
        ],
      ],
    ]
  }

  private static func spec(_ runner: RunnerDescription) -> JSONValue {
    var files: [String: JSONValue] = ["columns": ["$ref": "#/$defs/columns"]]
    for (name, role) in runner.data {
      files[name] = ["$ref": "#/$defs/file", "description": .string(role.description)]
    }
    let required = runner.data.filter(\.value.required).keys.sorted()
    let needsParameters = !(runner.parameters["required"]?.array ?? []).isEmpty
    let keys: [String] = ["run"] + (required.isEmpty ? [] : ["data"]) + (needsParameters ? ["with"] : [])
    return [
      "title": .string(runner.name),
      "description": .string(runner.summary),
      "type": "object",
      "required": .array(keys.map { .string($0) }),
      "properties": [
        "name": ["type": "string", "description": "the folder in the outbox; the spec's file stem when left out"],
        "run": ["const": .string(runner.name)],
        "data": [
          "type": "object",
          "required": .array(required.map { .string($0) }),
          "properties": .object(files),
          "additionalProperties": false,
        ],
        "with": runner.parameters,
        "publish": ["type": "string", "description": "install the trained model under this name when the job is done"],
        "force": ["type": "boolean", "default": false, "description": "run even when the same job was done before"],
        "priority": [
          "type": "integer", "minimum": .int(JobSpec.priorities.lowerBound),
          "maximum": .int(JobSpec.priorities.upperBound), "default": 0,
          "description": "of waiting jobs the highest comes first",
        ],
        "limits": [
          "type": "object",
          "properties": [
            "memory": [
              "type": "string", "pattern": "^[0-9]+(KiB|MiB|GiB|TiB)$", "description": "of the worker: 4GiB",
            ],
            "time": [
              "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "description": "all attempts together: 2h",
            ],
          ],
          "additionalProperties": false, "description": "what the job may take before it is ended",
        ],
      ],
      "additionalProperties": false,
    ]
  }
}
