import Foundation
import IntrayCore
import JobStore

/// How far a job is, in one line on standard error: redrawn in place on a terminal, one line for each tenth elsewhere.
final class ProgressBar {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let begin = ContinuousClock.now
  private var line = ""
  private var shownTenth = -1
  /// Where the job was when it was first seen: a job that goes on from a checkpoint does not begin at 0.
  private var first: Double?

  func show(_ progress: JobProgress?) {
    guard let progress else { return }
    let fraction = progress.fraction
    let first = first ?? fraction
    self.first = first
    let details = progress.metrics.sorted { $0.key < $1.key }.prefix(6).compactMap { name, value in
      Metrics.text(value).map { "\(name) \($0)" }
    }
    let percent = Int(fraction * 100)
    let text = ([timeLeft(first, fraction)].compactMap { $0 } + details).joined(separator: "  ")
    if isTerminal {
      let filled = Int(fraction * 24)
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
      draw(Output.visible("\(bar) \(percent)%  \(text)"))
    } else if Int(fraction * 10) > shownTenth {
      shownTenth = Int(fraction * 10)
      Output.note(Output.visible("\(percent)%  \(text)"))
    }
  }

  /// A line above the bar.
  func note(_ text: String) { standAside { Output.note(text) } }

  /// Makes room for what `body` prints.
  func standAside(_ body: () -> Void) {
    let bar = line
    clear()
    body()
    if !bar.isEmpty { draw(bar) }
  }

  func end() { clear() }

  private func timeLeft(_ first: Double, _ fraction: Double) -> String? {
    let elapsed = (ContinuousClock.now - begin) / .seconds(1)
    guard fraction < 1, fraction - first > 0.02, elapsed > 2 else { return nil }
    let seconds = elapsed / (fraction - first) * (1 - fraction)
    guard seconds < 1e7 else { return nil }
    return Duration.seconds(Int(seconds)).formatted(.units(allowed: [.hours, .minutes, .seconds], width: .narrow))
      + " left"
  }

  private func draw(_ text: String) {
    var size = winsize()
    let width = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) - 1 : 79
    line = String(text.prefix(width))
    write("\r\u{1b}[K\(line)")
  }

  private func clear() {
    if !line.isEmpty { write("\r\u{1b}[K") }
    line = ""
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
