import FileKit
import Foundation
import IntrayCore

/// What is installed of Apertium (https://apertium.org): a program, and a mode for each direction of a language pair.
///
///     let apertium = try Apertium()
///     try apertium.check(modes: ["eng-spa", "spa-eng"])
public struct Apertium: Sendable {
  /// The program's full path.
  public let program: String
  /// Beside it: writes a mode's pipeline with null flush in all its parts. `apertium -z` itself does not answer before
  /// it gets the next text: it has gawk in front and behind, which waits for what may still belong to a NUL.
  private let modeWriter: String

  /// Debian's package for a pair of modes.
  private static let packages = [
    "eng-spa": "apertium-eng-spa", "spa-eng": "apertium-eng-spa", "eng-cat": "apertium-eng-cat",
    "cat-eng": "apertium-eng-cat",
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
      throw IntrayError(.missing, "no program '\(program)'", hint: "apt install apertium apertium-eng-spa")
    }
    self.program = path
    modeWriter = Files.parent(of: path) + "/apertium-wblank-mode"
    guard access(modeWriter, X_OK) == 0 else {
      throw IntrayError(
        .missing, "no program '\(modeWriter)'; it belongs to Apertium from 3.8 on", hint: "apt install apertium")
    }
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

  /// A mode's pipeline, waiting for texts in the stream format.
  func start(_ mode: String) throws -> TranslatorProcess {
    let data = ProcessInfo.processInfo.environment["APERTIUM_DATADIR"] ?? "/usr/share/apertium"
    // -n: no marks at unknown words.
    return try TranslatorProcess(
      "/bin/bash", ["-c", "exec bash <(\"$0\" -z \"$1\") -n", modeWriter, "\(data)/modes/\(mode).mode"])
  }

  /// - Throws: `IntrayError(.missing)` for a mode that is not installed, with the package that has it.
  public func check(modes wanted: [String]) throws {
    let installed = try modes()
    guard let missing = wanted.first(where: { !installed.contains($0) }) else { return }
    let package = Self.packages[missing].map { "apt install \($0)" }
    let known =
      installed.isEmpty
      ? "apt install apertium-eng-spa" : "there are \(installed.prefix(20).joined(separator: ", "))"
    throw IntrayError(.missing, "Apertium has no mode '\(missing)'", hint: package ?? known)
  }
}

/// Translates there and back with two Apertium pipelines.
///
/// (1) Each text gets its own answer, or an error is thrown.
/// (2) A pipeline that ends or does not answer is started anew, at most `attempts` times in a row; then the error is a
///     transient one.
/// (3) The same texts in the same order give the same translations. Apertium carries state from one text to the next
///     (seen with apertium 3.8.3, in 4 of 1,000 abstracts), so each call begins with new pipelines: have it translate
///     many texts at once.
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
    defer { pipelines = [nil, nil] }
    // The way back loads its dictionaries while the way there translates.
    for direction in 0...1 { pipelines[direction] = try apertium.start(modes[direction]) }
    let pivots = try translate(texts, direction: 0, shouldStop: shouldStop)
    return try translate(pivots, direction: 1, shouldStop: shouldStop)
  }

  private func translate(_ texts: [String], direction: Int, shouldStop: () -> Bool) throws -> [String] {
    let encoded = texts.enumerated().map { ApertiumText($1, number: $0) }
    for attempt in 1... {
      do {
        let pipeline = try pipelines[direction] ?? apertium.start(modes[direction])
        pipelines[direction] = nil
        let answers = try pipeline.translate(encoded.map(\.stream), patience: patience, shouldStop: shouldStop)
        let decoded = zip(encoded, answers).compactMap { $0.decode($1) }
        guard decoded.count == texts.count else {
          throw TranslatorProcess.Failure(message: "gives an answer to another text")
        }
        return decoded
      } catch let failure as TranslatorProcess.Failure {
        let message = "the translator \(modes[direction]) \(failure.message)"
        if attempt == Self.attempts { throw IntrayError(.system, message, isTransient: true) }
        onRestart(message)
      }
    }
    return []
  }
}

/// A text in Apertium's stream format (https://wiki.apertium.org/wiki/Apertium_stream_format), and back.
///
/// As `apertium-destxt` does, each text gets a full stop of its own, with `[]` behind it: pipelines keep a last full
/// stop back otherwise, some (eng-cat of Debian 12) together with the NUL. Behind that stands the text's number as a
/// blank, which comes through unchanged: an answer is known to belong to its text.
struct ApertiumText {
  /// One line without NUL.
  let stream: String
  private let mark: String

  /// What has a meaning in the stream.
  private static let special: Set<Character> = ["[", "]", "{", "}", "^", "$", "/", "\\", "@", "<", ">"]

  init(_ text: String, number: Int) {
    var stream = ""
    for word in text.split(whereSeparator: { $0.isWhitespace || $0 == "\0" }) {
      if !stream.isEmpty { stream += " " }
      for character in word {
        if Self.special.contains(character) { stream += "\\" }
        stream.append(character)
      }
    }
    mark = "[\(number)]"
    self.stream = stream + ".[]" + mark
  }

  /// The text of an answer; nil when it is the answer to another text.
  func decode(_ answer: String) -> String? {
    guard answer.contains(mark) else { return nil }
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
    if text.last == "." { text.removeLast() }
    return text
  }
}
