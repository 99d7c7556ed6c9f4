import FileKit
import IntrayCore
import Models
import Safetensors
import Tensors
import TestSupport

/// The tiny random BERTs of Tests/Fixtures/engine, and what PyTorch computed with them.
enum TorchModel {
  static func folder(_ head: Head) -> String { Checkout.fixture("engine/tiny-\(head.rawValue)") }

  static func load(_ head: Head, precision: Precision = .fp32, pool: ThreadPool = ThreadPool(threads: 2)) throws
    -> SequenceClassifier
  {
    try SequenceClassifier.load(folder: folder(head), dropout: 0, precision: precision, pool: pool)
  }

  /// The same model in a folder of its own, with other dropout rates and other changes to config.json.
  static func copy(_ head: Head, changing keys: [String: JSONValue]) throws -> TemporaryFolder {
    let copy = try TemporaryFolder()
    var json = try JSON.decode(JSONValue.self, from: Files.read("\(folder(head))/config.json"), path: "config.json")
    var object = json.object ?? [:]
    for (key, value) in keys { object[key] = value }
    json = .object(object)
    try copy.write(JSON.encode(json), to: "config.json")
    try Files.copy("\(folder(head))/model.safetensors", to: "\(copy.path)/model.safetensors")
    return copy
  }

  /// Without dropout, so that training steps can be compared with PyTorch's in eval mode.
  static func loadWithoutDropout(_ head: Head, precision: Precision = .fp32, memory: Memory = .normal, pool: ThreadPool)
    throws -> SequenceClassifier
  {
    let copy = try copy(head, changing: ["hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0])
    return try SequenceClassifier.load(folder: copy.path, dropout: 0, precision: precision, memory: memory, pool: pool)
  }

  struct Batch: Decodable {
    let ids: [[Int32]]
    let segments: [[Int32]]
    let labels: [Int32]

    var packed: PackedBatch { PackedBatch(zip(ids, segments).map { (ids: $0, segments: $1) }) }
  }

  static func batches() throws -> [Batch] {
    let path = Checkout.fixture("engine/batches.json")
    return try JSON.decode(from: Files.read(path), path: path)
  }

  static func expected(_ head: Head) throws -> SafetensorsFile {
    try SafetensorsFile(Checkout.fixture("engine/tiny-\(head.rawValue)-expected.safetensors"))
  }

  struct Training: Decodable {
    let losses: [Double]
    let norms: [Double]
  }

  static func training(_ head: Head) throws -> Training {
    let path = Checkout.fixture("engine/tiny-\(head.rawValue)-training.json")
    return try JSON.decode(from: Files.read(path), path: path)
  }
}

extension SafetensorsFile {
  func floats(_ name: String) throws -> [Float] {
    guard let entry = entry(name) else { throw IntrayError(.missing, "no tensor \(name)", at: .init(path)) }
    let tensor = Tensor(entry.shape)
    try read(name, shape: entry.shape, into: tensor.buffer)
    return tensor.elements
  }
}

/// The norm of the difference over the norm of what was expected.
func relativeDifference(_ found: [Float], _ expected: [Float]) -> Double {
  guard found.count == expected.count else { return .infinity }
  var difference = 0.0
  var squares = 0.0
  for (a, b) in zip(found, expected) {
    guard a.isFinite else { return .infinity }
    difference += Double(a - b) * Double(a - b)
    squares += Double(b) * Double(b)
  }
  return (difference / max(squares, 1e-30)).squareRoot()
}
