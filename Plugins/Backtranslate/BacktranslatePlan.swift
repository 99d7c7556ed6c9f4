import IntrayCore
import PluginKit

extension Backtranslate {
  /// Rows that are translated to measure the speed.
  private static let sampleRows = 4
  /// A pair of pipelines, each of a dozen programs with their dictionaries.
  private static let bytesPerProcess = 200 << 20

  /// The input is read to its end, and a few rows are translated.
  static func plan(_ job: RunnerJob, host: RunnerHost) throws -> JobPlan {
    let began = ContinuousClock.now
    let prepared = try BacktranslatePreparation(job)
    let rows = try prepared.open()
    var texts: [String] = []
    var sampled = 0
    while sampled < sampleRows, let row = try rows.next() {
      if !row.isBlank { texts += row.texts }
      sampled += 1
    }
    let translator = prepared.translator(onRestart: { _ in })
    // Without the texts a call takes the time that the pipelines need to start.
    let atStart = ContinuousClock.now
    _ = try translator.backTranslate([""], shouldStop: { host.shouldStop })
    let starting = (ContinuousClock.now - atStart) / .seconds(1)
    let preparing = (ContinuousClock.now - began) / .seconds(1)
    let start = ContinuousClock.now
    _ = try translator.backTranslate(texts, shouldStop: { host.shouldStop })
    let translating = (ContinuousClock.now - start) / .seconds(1)
    let perRow =
      max(0, translating - starting) / Double(max(1, sampled)) + starting / Double(TranslatedBlock.rows)
    let processes = prepared.parameters.processes ?? job.threads
    let memory = ["rows": (16 << 20) + prepared.rowCount * 64, "translators": processes * bytesPerProcess]
    return JobPlan(
      memoryBytes: memory.values.reduce(0, +), memoryParts: memory,
      seconds: preparing + perRow * Double(prepared.rowCount) / Double(min(processes, max(1, job.threads))))
  }
}
