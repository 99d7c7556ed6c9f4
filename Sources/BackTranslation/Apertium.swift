import CLinux
import Foundation
import IntrayCore

/// What is installed of Apertium (https://apertium.org): a program, and a mode for each direction of a language pair.
///
///     let apertium = try Apertium()
///     try apertium.check(modes: ["en-es", "es-en"])
public struct Apertium: Sendable {
  /// The program's full path.
  public let program: String

  /// Debian's package for a pair of modes.
  private static let packages = [
    "en-es": "apertium-en-es", "es-en": "apertium-en-es", "eng-spa": "apertium-en-es", "spa-eng": "apertium-en-es",
    "eng-cat": "apertium-eng-cat", "cat-eng": "apertium-eng-cat",
  ]

  /// Looks for the program.
  ///
  /// - Parameter program: a name in PATH, or a path.
  /// - Throws: `IntrayError(.missing)` with the command that installs it.
  public init(_ program: String = "apertium") throws {
    let folders =
      program.contains("/")
      ? [""] : (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").map { "\($0)/" }
    guard let path = folders.map({ $0 + program }).first(where: { access($0, X_OK) == 0 }) else {
      throw IntrayError(.missing, "no program '\(program)'", hint: "apt install apertium apertium-en-es")
    }
    self.program = path
  }

  /// The modes that are installed, sorted.
  ///
  /// - Throws: `IntrayError(.missing)` where the program lists none.
  public func modes() throws -> [String] {
    // Its list goes to standard output without a NUL: a shell adds one.
    let lister = try TranslatorProcess("/bin/sh", ["-c", "\"$0\" -l; printf '\\000'", program])
    do {
      let answer = try lister.translate([""], patience: .seconds(30), shouldStop: { false })
      return answer[0].split(whereSeparator: \.isNewline)
        .map { $0.drop(while: \.isWhitespace) }.filter { !$0.isEmpty && !$0.contains("*") }.map(String.init).sorted()
    } catch let failure as TranslatorProcess.Failure {
      throw IntrayError(.system, "'\(program) -l' \(failure.message)", isTransient: true)
    }
  }

  /// - Throws: `IntrayError(.missing)` for a mode that is not installed, with the package that has it.
  public func check(modes wanted: [String]) throws {
    let installed = try modes()
    guard let missing = wanted.first(where: { !installed.contains($0) }) else { return }
    let package = Self.packages[missing].map { "apt install \($0)" }
    let known =
      installed.isEmpty
      ? "apt install apertium-en-es" : "there are \(installed.prefix(20).joined(separator: ", "))"
    throw IntrayError(.missing, "Apertium has no mode '\(missing)'", hint: package ?? known)
  }
}

/// Translates there and back with two long-running Apertium pipelines.
///
/// (1) Each text gets one answer, or an error is thrown.
/// (2) A pipeline that ends or does not answer is started anew, at most `attempts` times in a row; then the error is a
///     transient one.
///
/// Not for several threads at once: a pool has one for each of its threads.
public final class ApertiumTranslator {
  public static let attempts = 3

  private let apertium: Apertium
  private let modes: [String]
  private let patience: Duration
  private let onRestart: (String) -> Void
  private var pipelines: [TranslatorProcess?] = [nil, nil]

  /// - Parameters:
  ///   - patience: how long a pipeline may be silent while an answer is due.
  ///   - onRestart: is told why a pipeline is started anew.
  public init(
    _ apertium: Apertium, forward: String, backward: String, patience: Duration = .seconds(60),
    onRestart: @escaping (String) -> Void = { _ in }
  ) {
    self.apertium = apertium
    modes = [forward, backward]
    self.patience = patience
    self.onRestart = onRestart
  }

  /// The texts as they come back, in their order.
  ///
  /// - Throws: `TranslationStopped`, or an `IntrayError` that is transient where a pipeline fails again and again.
  public func backTranslate(_ texts: [String], shouldStop: () -> Bool = { false }) throws -> [String] {
    let pivots = try translate(texts, direction: 0, shouldStop: shouldStop)
    return try translate(pivots, direction: 1, shouldStop: shouldStop)
  }

  private func translate(_ texts: [String], direction: Int, shouldStop: () -> Bool) throws -> [String] {
    let encoded = texts.map(ApertiumText.init)
    for attempt in 1... {
      do {
        let pipeline = try pipelines[direction] ?? start(direction)
        // After an error there may be answers to come that nobody wants.
        pipelines[direction] = nil
        let answers = try pipeline.translate(encoded.map(\.stream), patience: patience, shouldStop: shouldStop)
        pipelines[direction] = pipeline
        return zip(encoded, answers).map { $0.decode($1) }
      } catch let failure as TranslatorProcess.Failure {
        let message = "the translator \(modes[direction]) \(failure.message)"
        if attempt == Self.attempts { throw IntrayError(.system, message, isTransient: true) }
        onRestart(message)
      }
    }
    return []
  }

  private func start(_ direction: Int) throws -> TranslatorProcess {
    // -z: flush at each NUL; -u: no marks at unknown words; -f none: the text is in Apertium's stream format already.
    try TranslatorProcess(apertium.program, ["-z", "-u", "-f", "none", modes[direction]])
  }
}

/// A text in Apertium's stream format (https://wiki.apertium.org/wiki/Apertium_stream_format), and back.
struct ApertiumText {
  /// One line without NUL.
  let stream: String
  private let addsEnd: Bool

  /// What has a meaning in the stream.
  private static let special: Set<Character> = ["[", "]", "{", "}", "^", "$", "/", "\\", "@", "<", ">"]

  init(_ text: String) {
    var stream = ""
    let words = text.split { $0.isWhitespace || $0 == "\0" }
    for (index, word) in words.enumerated() {
      if index > 0 { stream += " " }
      for character in word {
        if Self.special.contains(character) { stream += "\\" }
        stream.append(character)
      }
    }
    // As apertium-destxt does: a sentence without an end would wait for what comes next.
    addsEnd = words.last.map { !".!?".contains($0.last ?? " ") } ?? false
    self.stream = addsEnd ? stream + ".[]" : stream
  }

  /// The text of an answer.
  func decode(_ answer: String) -> String {
    var text = ""
    var isEscaped = false
    var isBlank = false
    for character in answer {
      switch character {
      case _ where isEscaped:
        if !isBlank { text.append(character) }
        isEscaped = false
      case "\\": isEscaped = true
      case "[": isBlank = true
      case "]": isBlank = false
      default: if !isBlank { text.append(character) }
      }
    }
    text = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    if addsEnd, text.last == "." { text.removeLast() }
    return text
  }
}
