import FileKit
import Foundation
import IntrayCore
import Outbox
import Tables
import TestSupport
import Testing

/// The main job with the real daemon, worker and plugins, on a model that is small enough for a test.
@Suite struct FinetuneTests {
  static let labels = ["red", "green", "blue"]

  /// A daemon with the tiny model in its store.
  func daemon(_ settings: String = "") async throws -> DaemonProcess {
    let daemon = try DaemonProcess(settings)
    try TinyModel.write(to: "\(daemon.state.path)/models/tiny")
    return try await daemon.start()
  }

  func spec(_ with: String = "", data: String = "train: train.csv", more: String = "") -> String {
    """
    run: finetune
    data:
      \(data)
      columns: {id: id, text: text, label: label}
    with:
      model: tiny
      max_length: 32
      learning_rate: 1e-3
      head_learning_rate: 1e-2
      \(with)
    \(more)
    """
  }

  @Test func `a batch becomes a model and predictions, and the model labels what comes alone`() async throws {
    let daemon = try await daemon(
      "routes: [{match: 'new-*.csv', spec: {run: infer, data: {columns: {id: id, text: text, label: label}}, with: {model: colours, probabilities: true}}}]"
    )
    try daemon.drop([
      ("train.csv", TinyModel.csv(rows: 120, labels: Self.labels)),
      ("test.csv", TinyModel.csv(rows: 21, labels: nil)),
      (
        "papers.yaml",
        spec("epochs: 10", data: "train: train.csv\n  test: test.csv", more: "publish: colours")
      ),
    ])
    let folder = try await daemon.waitForResult()
    try daemon.expectWhole(folder)
    let metrics: JSONValue = try JSON.decode(from: Files.read("\(folder)/metrics.json"), path: "metrics.json")
    #expect(try #require(metrics["accuracy"]?.double) > 0.6)
    #expect(metrics["epochs"]?.array?.count == 10)
    let predictions = try TableReader("\(folder)/predictions.csv")
    #expect(predictions.header == ["id", "label", "probability"])
    var count = 0
    while let row = try predictions.next() {
      #expect(row[0] == "r\(count)" && Self.labels.contains(row[1]))
      #expect((1.0 / 3...1).contains(try #require(Double(row[2]))))
      count += 1
    }
    #expect(count == 21)
    #expect(try Files.list("\(folder)/model") == ["config.json", "model.safetensors", "vocab.txt"])

    // The published model, by a route.
    try daemon.drop([("new-1.csv", TinyModel.csv(rows: 30, labels: Self.labels))])
    let labelled = try await daemon.waitForResult("new-1")
    try daemon.expectWhole(labelled)
    let scores: JSONValue = try JSON.decode(from: Files.read("\(labelled)/metrics.json"), path: "metrics.json")
    #expect(try #require(scores["accuracy"]?.double) > 0.6)
    #expect(try TableReader("\(labelled)/predictions.csv").header == ["id", "label", "probability"] + Self.labels)
    let matrix = try Files.read("\(labelled)/probabilities.npy")
    #expect(matrix.count == 128 + 30 * 3 * 4)
    try await daemon.waitForState(.done, of: "new-1")
    try await daemon.expectTidy()
    #expect(try await daemon.stop() == 0)
  }

  @Test func `ten kills of the worker and five of the daemon give the same bytes as none`() async throws {
    let batch = [
      ("train.csv", TinyModel.csv(rows: 160, labels: Self.labels)),
      ("test.csv", TinyModel.csv(rows: 20, labels: nil)),
      (
        "papers.yaml",
        spec(
          "epochs: 40\n  folds: 3\n  checkpoint_seconds: 0", data: "train: train.csv\n  test: test.csv",
          more: "publish: m")
      ),
    ]
    let undisturbed = try await daemon()
    try undisturbed.drop(batch)
    let expected = try await undisturbed.waitForResult()

    let disturbed = try await daemon("attempts: 100")
    try disturbed.drop(batch)
    // A plan that is killed is no progress, and the next one would wait longer and longer.
    try await disturbed.wait("it is planned") { try disturbed.job()?.plannedMemory != nil }
    let killed = try await disturbed.promptly {
      var killed: Set<Int32> = []
      while killed.count < 10, try Files.status("\(disturbed.outbox)/papers") == nil {
        guard let worker = disturbed.workers().first(where: { !killed.contains($0) }) else { continue }
        usleep(UInt32.random(in: 0..<150_000))
        if kill(worker, SIGKILL) == 0 { killed.insert(worker) }
      }
      return killed.count
    }
    #expect(killed == 10)
    let folder = try await disturbed.waitForResult()
    try disturbed.expectWhole(folder)
    let names = ["model/model.safetensors", "predictions.csv", "test_logits.npy", "held_out.csv"]
    for name in names {
      #expect(try Files.sha256("\(folder)/\(name)") == Files.sha256("\(expected)/\(name)"), "\(name)")
    }
    try await disturbed.waitForState(.done)
    try await disturbed.expectTidy()
    #expect(try Files.list(disturbed.outbox) == ["papers"])

    // The same with the daemon itself, whose worker ends with it.
    let killedDaemon = try await daemon()
    try killedDaemon.drop(batch)
    var random = SeededGenerator(seed: 5)
    for _ in 0..<5 {
      try await Task.sleep(for: .milliseconds(Int.random(in: 50..<900, using: &random)))
      killedDaemon.kill()
      try await killedDaemon.start()
    }
    let second = try await killedDaemon.waitForResult()
    try killedDaemon.expectWhole(second)
    for name in names {
      #expect(try Files.sha256("\(second)/\(name)") == Files.sha256("\(expected)/\(name)"), "\(name)")
    }
    try await killedDaemon.waitForState(.done)
    try await killedDaemon.expectTidy()
    #expect(try Files.list(killedDaemon.outbox) == ["papers"])
  }

  /// Data and models that cannot be trained on or predicted with: what is dropped, and how the reason begins.
  @Test(arguments: [
    ("one row", "id,text,label\n1,word1,red\n", "", "train.csv: one row to train on"),
    ("no rows", "id,text,label\n", "", "train.csv: no rows to train on"),
    ("one class", "id,text,label\n1,word1,red\n2,word2,red\n", "", "train.csv: all 2 rows have the label 'red'"),
    ("empty label", "id,text,label\n1,word1,red\n2,word2,\n", "", "train.csv:3: the label is empty"),
    ("missing model", TinyModel.csv(rows: 9, labels: labels), "", "no model 'tinny'"),
    ("more folds than rows", TinyModel.csv(rows: 3, labels: labels), "folds: 4", "train.csv: 3 rows cannot be split"),
  ])
  func `what cannot be trained on is rejected with the reason`(
    fault: String, table: String, with: String, reason: String
  ) async throws {
    let daemon = try await daemon()
    let text = spec(with)
    try daemon.drop([
      ("train.csv", table),
      ("papers.yaml", fault == "missing model" ? text.replacing("model: tiny", with: "model: tinny") : text),
    ])
    let told = try await daemon.waitForRejection()
    #expect(told.contains(reason), "\(fault): \(told)")
    #expect(told.contains("intray retry papers"))
    if fault == "missing model" { #expect(told.contains("did you mean 'tiny'?")) }
    #expect(try Files.read("\(daemon.state.rejected)/papers/input/train.csv") == Data(table.utf8))
    #expect(daemon.isRunning)
  }

  @Test func `a label that the model does not know is named with its line`() async throws {
    let daemon = try await daemon()
    try TinyModel.write(to: "\(daemon.state.path)/models/colours", labels: Self.labels)
    let spec = """
      run: infer
      data: {input: new.csv, columns: {id: id, text: text, label: label}}
      with: {model: colours}
      """
    try daemon.drop([("new.csv", "id,text,label\n1,word1,red\n2,word2,gren\n"), ("papers.yaml", spec)])
    let told = try await daemon.waitForRejection()
    #expect(told.contains("new.csv:3: label 'gren' is unknown to the model; did you mean 'green'?"))
  }

  @Test(arguments: ["truncated", "wrong shape", "no classifier"])
  func `a model with a fault is refused by name`(fault: String) async throws {
    let daemon = try await daemon()
    let folder = "\(daemon.state.path)/models/faulty"
    try TinyModel.write(to: folder, labels: fault == "no classifier" ? [] : Self.labels)
    let weights = "\(folder)/model.safetensors"
    let bytes = try Files.read(weights)
    switch fault {
    case "truncated": try Files.publish(bytes.prefix(bytes.count / 2), to: weights)
    case "wrong shape":
      let config = String(decoding: try Files.read("\(folder)/config.json"), as: UTF8.self)
      try Files.publish(
        Data(config.replacing("\"intermediate_size\":32", with: "\"intermediate_size\":48").utf8),
        to: "\(folder)/config.json")
    default: break
    }
    let spec = "run: infer\ndata: {input: new.csv, columns: {text: text}}\nwith: {model: faulty}\n"
    try daemon.drop([("new.csv", TinyModel.csv(rows: 3, labels: nil)), ("papers.yaml", spec)])
    let told = try await daemon.waitForRejection()
    switch fault {
    case "truncated": #expect(told.contains("model.safetensors"), "\(told)")
    case "wrong shape":
      #expect(
        told.contains("intermediate.dense.weight") && told.contains("[48, 16]") && told.contains("[32, 16]"), "\(told)")
    default: #expect(told.contains("the model has no classifier"), "\(told)")
    }
    #expect(daemon.isRunning)
  }
}
