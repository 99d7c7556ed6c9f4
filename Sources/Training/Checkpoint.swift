import FileKit
import Foundation
import IntrayCore
import Models
import Optimizers
import Safetensors
import Tensors

/// The state of a training run on disk.
///
/// (1) A checkpoint is one file and replaces the one before it in one step: it is whole or it is not there.
/// (2) It holds all that the rest of the run depends on. The generator is counter-based, so its state is the counters.
/// (3) A checkpoint that cannot be read, or that belongs to other data or another plan, fails the job. Training never
///     starts afresh in silence.
/// (4) The best weights so far lie in files of their own, which the checkpoint names; they are removed only after a
///     checkpoint that no longer names them is in place.
struct Checkpoint {
  /// Everything but the tensors.
  struct State: Codable, Equatable {
    var fingerprint: String
    var fold = 0
    var epoch = 0
    /// Rows of this epoch that have been trained on.
    var position = 0
    /// Optimiser steps of this fold.
    var step = 0
    /// Micro-batches of this fold: the dropout generator's counter.
    var microBatches = 0
    var lossSum = 0.0
    var history: [EpochReport] = []
    var best: Best?
    var bestOfFolds: Best?
    var seconds = 0.0
    var tokens = 0

    /// Whether a training of these folds and epochs can stand here.
    func fits(_ folds: [Partition], epochs: Int) -> Bool {
      let rows = fold >= 0 && fold < folds.count ? folds[fold].training.count : 0
      let counters = [step, microBatches, tokens]
      return (0...folds.count).contains(fold) && (0...epochs).contains(epoch) && (0...rows).contains(position)
        && counters.allSatisfy { (0..<1 << 62).contains($0) }
        && [best, bestOfFolds].allSatisfy { best in best.map { folds.indices.contains($0.fold) } ?? true }
    }
  }

  /// The best epoch of a fold and the file with its weights.
  struct Best: Codable, Equatable {
    var fold: Int
    var epoch: Int
    var accuracy: Double
    var loss: Double
    var file: String

    func isBetter(than other: Best) -> Bool { (accuracy, -loss) > (other.accuracy, -other.loss) }
  }

  let folder: String
  private var path: String { "\(folder)/checkpoint.safetensors" }

  /// Named tensors of a run: whatever must come back bit by bit.
  typealias Named = (name: String, tensor: Tensor)

  func save(_ state: State, tensors: [Named]) throws {
    var writer = SafetensorsWriter(path)
    for (name, tensor) in tensors { writer.add(name, tensor) }
    try writer.publish(metadata: ["state": JSON.text(state)])
    let named = Set([state.best, state.bestOfFolds].compactMap { $0?.file })
    for name in try Files.list(folder) where name.hasPrefix("best-") && !named.contains(name) {
      try Files.remove("\(folder)/\(name)")
    }
  }

  /// nil where no checkpoint was ever saved.
  func read() throws -> (state: State, file: SafetensorsFile)? {
    guard try Files.status(path) != nil else { return nil }
    let file = try SafetensorsFile(path)
    guard let text = file.metadata["state"] else {
      throw IntrayError(.data, "the checkpoint has no state", at: .init(path), hint: Self.hint)
    }
    return (try JSON.decode(from: text, path: path), file)
  }

  static let hint = "remove the work folder to train from the start"

  func saveWeights(_ parameters: [Parameter], as name: String) throws {
    var writer = SafetensorsWriter("\(folder)/\(name)")
    for parameter in parameters { writer.add(parameter.name, parameter.value) }
    try writer.publish()
  }

  func loadWeights(_ name: String, into parameters: [Parameter]) throws {
    let file = try SafetensorsFile("\(folder)/\(name)")
    for parameter in parameters { try file.read(parameter.name, into: parameter.value) }
  }
}

extension SafetensorsWriter {
  mutating func add(_ name: String, _ tensor: Tensor) {
    add(name, dtype: .float32, shape: tensor.shape, bytes: tensor.bytes)
  }
}

extension SafetensorsFile {
  func read(_ name: String, into tensor: Tensor) throws {
    try read(name, shape: tensor.shape, into: tensor.buffer)
  }
}
