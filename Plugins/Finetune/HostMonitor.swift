import Foundation
import IntrayCore
import PluginKit
import Training

/// Tells the host how the training goes.
struct HostMonitor: TrainingMonitor {
  let host: RunnerHost
  let labels: LabelSet

  var shouldStop: Bool { host.shouldStop }

  func stepFinished(_ position: TrainingPosition) {
    host.progress(
      Double(position.rowsDone), of: Double(position.totalRows),
      [
        "fold": .int(position.fold), "epoch": .int(position.epoch), "step": .int(position.step),
        "steps": .int(position.steps), "loss": number(position.loss),
      ])
  }

  func epochFinished(_ report: EpochReport) {
    var line = "fold \(report.fold), epoch \(report.epoch): loss \(String(format: "%.4f", report.loss))"
    if let scores = report.validation { line += ", validation accuracy \(percent(scores.accuracy))" }
    line += String(
      format: " (%.1f rows/s, %.0f tokens/s)", report.samplesPerSecond, report.tokensPerSecond)
    host.log(
      .info, line,
      [
        ("FOLD", "\(report.fold)"), ("EPOCH", "\(report.epoch)"), ("LOSS", String(format: "%.6f", report.loss)),
      ])
    if let scores = report.validation, scores.isCollapsed {
      host.log(
        .warning,
        "the model gives one label to \(percent(scores.largestPredictedShare)) of the validation rows: training collapsed; lower learning_rate"
      )
    }
  }

  func resumed(_ position: TrainingPosition) {
    host.log(
      .notice, "resumed from the checkpoint at fold \(position.fold), epoch \(position.epoch), step \(position.step)")
  }

  func checkpointSaved() { host.checkpointSaved() }

  private func number(_ value: Double) -> JSONValue { value.isFinite ? .double(value) : .null }
}
