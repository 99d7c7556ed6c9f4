import BackTranslation
import Foundation
import IntrayCore
import TestSupport
import Testing

/// The pool of translators, with programs that stand in for Apertium, and with Apertium itself where it is installed.
@Suite struct ApertiumTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private static let standIn = Checkout.fixture("backtranslation/apertium")

  /// A program that answers `-l`, and runs this Perl for a mode: `$text` is one text, `$back` the direction.
  private func program(_ answer: String) throws -> Apertium {
    try folder.write(
      """
      if (grep { $_ eq '-l' } @ARGV) { print "  eng-spa\\n  spa-eng\\n"; exit 0 }
      $| = 1; $/ = "\\0"; $back = $ARGV[-1] eq 'spa-eng';
      while (defined($text = <STDIN>)) { chomp $text; \(answer) }
      """, to: "translator.pl")
    return try program(script: "exec perl '\(folder.path)/translator.pl' \"$@\"")
  }

  /// Both programs that belong to Apertium; the script runs a mode.
  private func program(script: String) throws -> Apertium {
    let path = try folder.writeScript(script, to: "apertium")
    _ = try folder.writeScript("echo \"exec '\(path)' $(basename \"$2\" .mode)\"", to: "apertium-wblank-mode")
    return try Apertium(path)
  }

  private func translator(
    _ apertium: Apertium, patience: Duration = .seconds(60), onRestart: @escaping (String) -> Void = { _ in }
  ) -> ApertiumTranslator {
    ApertiumTranslator(apertium, forward: "eng-spa", backward: "spa-eng", patience: patience, onRestart: onRestart)
  }

  @Test func `each text gets its answer, in order, whatever is in it`() throws {
    let translator = translator(try program("print \"$text\\0\";"))
    let texts = [
      "plain", "", "  two \n lines\t", "[brackets] {and} ^marks$ / \\ @ <tag>", "ends.", "asks?", "A [x", "]", "é漢😎 \\",
      ".", "...", "a.[]",
    ]
    let expected = texts.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    #expect(try translator.backTranslate(texts) == expected)
    // More than pipes hold, both ways.
    let many = (0..<3000).map { "text \($0) " + String(repeating: "word ", count: 100) + "end." }
    #expect(try translator.backTranslate(many) == many)
    #expect(try translator.backTranslate([]) == [])
  }

  @Test func `the stand-in goes there and back`() throws {
    let apertium = try Apertium(Self.standIn)
    #expect(try apertium.modes() == ["eng-spa", "spa-eng"])
    try apertium.check(modes: ["eng-spa", "spa-eng"])
    #expect(
      try translator(apertium).backTranslate(["One two three four five", "a/b"])
        == ["One two three other five", "a/b"])
  }

  @Test func `a missing program and a missing mode say what to install`() throws {
    let program = #expect(throws: IntrayError.self) { try Apertium("no-such-apertium") }
    #expect(program?.code == .missing)
    #expect(program?.description == "no program 'no-such-apertium'; apt install apertium apertium-eng-spa")
    #expect(throws: IntrayError.self) { try Apertium("/no/such/apertium") }
    let apertium = try Apertium(Self.standIn)
    for (mode, message) in [
      ("eng-cat", "Apertium has no mode 'eng-cat'; apt install apertium-eng-cat"),
      ("xx-yy", "Apertium has no mode 'xx-yy'; there are eng-spa, spa-eng"),
    ] {
      let error = #expect(throws: IntrayError.self) { try apertium.check(modes: ["eng-spa", mode]) }
      #expect(error?.code == .missing)
      #expect(error?.description == message)
    }
  }

  @Test func `a translator that dies is started anew, and no text is lost`() throws {
    // It dies once at each tenth text, leaving a note.
    let apertium = try program(
      """
      if ($text =~ /number (\\d+)/ && $1 % 10 == 7 && !-e "\(folder.path)/$1") {
        open F, ">", "\(folder.path)/$1"; close F; print STDERR "out of words\\n"; exit 3;
      }
      print "$text\\0";
      """)
    var restarts: [String] = []
    let translator = translator(apertium) { restarts.append($0) }
    for block in 0..<5 {
      let texts = (0..<10).map { "number \(block * 10 + $0)." }
      #expect(try translator.backTranslate(texts) == texts)
    }
    #expect(restarts == [String](repeating: "the translator eng-spa has ended: out of words", count: 5))
  }

  @Test func `one that dies again and again is a transient error`() throws {
    var restarts = 0
    let translator = translator(try program("exit 1 if $back; print \"$text\\0\";")) { _ in restarts += 1 }
    let error = #expect(throws: IntrayError.self) { try translator.backTranslate(["a"]) }
    #expect(error == IntrayError(.system, "the translator spa-eng has ended", isTransient: true))
    #expect(restarts == ApertiumTranslator.attempts - 1)
  }

  @Test func `one that hangs is killed and started anew, then it is a transient error`() throws {
    let once = try program(
      "if (!-e '\(folder.path)/hung') { open F, '>', '\(folder.path)/hung'; close F; sleep 1000 } print \"$text\\0\";")
    var restarts: [String] = []
    let first = translator(once, patience: .seconds(4)) { restarts.append($0) }
    #expect(try first.backTranslate(["a", "b"]) == ["a", "b"])
    #expect(restarts == ["the translator eng-spa does not answer"])
    let start = ContinuousClock.now
    let error = #expect(throws: IntrayError.self) {
      try translator(try program("sleep 1000;"), patience: .milliseconds(300)).backTranslate(["a"])
    }
    #expect(error == IntrayError(.system, "the translator eng-spa does not answer", isTransient: true))
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test func `one that answers too much, or says nothing at all, is an error`() throws {
    let error = #expect(throws: IntrayError.self) {
      try translator(try program("print \"$text\\0more\\0\";")).backTranslate(["a"])
    }
    #expect(error?.message.contains("answers too much") == true)
    #expect(error?.isTransient == true)
  }

  @Test func `all processes of a pipeline end with it`() throws {
    let pids = "\(folder.path)/pids"
    let tree = try program(script: "sleep 1000 & echo $! >>\(pids); echo $$ >>\(pids); cat; wait")
    #expect(try translator(tree).backTranslate(["a."]) == ["a."])
    let started = try String(contentsOfFile: pids, encoding: .utf8).split(separator: "\n").compactMap { Int32($0) }
    #expect(started.count == 4)
    // A killed process may take a moment to be gone.
    for _ in 0..<500 where started.contains(where: isRunning) { usleep(10_000) }
    #expect(!started.contains(where: isRunning))
  }

  /// A zombie of another parent counts as ended.
  private func isRunning(_ pid: Int32) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !text.contains(") Z ")
  }

  /// Blocks of two texts through the pool.
  private func runPool(
    _ apertium: Apertium, processes: Int, blocks: Int, shouldStop: @escaping @Sendable () -> Bool = { false },
    onDone: @escaping (Int) throws -> Void = { _ in }
  ) throws -> [Int: [String]] {
    var next = 0
    var results: [Int: [String]] = [:]
    try TranslatorPool.run(
      processes, translator: { translator(apertium) },
      next: {
        guard next < blocks else { return nil }
        defer { next += 1 }
        return (next, ["text \(next).", "other \(next)."])
      },
      done: { (block: Int, texts: [String]) in
        results[block] = texts
        try onDone(block)
      }, shouldStop: shouldStop)
    return results
  }

  @Test func `a pool gives every block its own translations, on any number of threads`() throws {
    let apertium = try program("print \"$text\\0\";")
    for processes in [1, 2, 5] {
      let results = try runPool(apertium, processes: processes, blocks: 40)
      #expect(results.count == 40)
      for (block, texts) in results { #expect(texts == ["text \(block).", "other \(block)."]) }
    }
  }

  @Test func `a pool ends with the first error of anybody`() throws {
    struct Full: Error {}
    let apertium = try program("print \"$text\\0\";")
    var done = 0
    #expect(throws: Full.self) {
      try runPool(
        apertium, processes: 3, blocks: 1000,
        onDone: { _ in
          done += 1
          if done == 10 { throw Full() }
        })
    }
    #expect(done == 10)
    let error = #expect(throws: IntrayError.self) {
      try runPool(try program("exit 1 if $text =~ /text 20/; print \"$text\\0\";"), processes: 3, blocks: 1000)
    }
    #expect(error?.isTransient == true)
  }

  private final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false

    var isSet: Bool { lock.withLock { value } }
    func set() { lock.withLock { value = true } }
  }

  @Test func `a pool stops soon when it is asked to, also in the middle of a long text`() throws {
    let apertium = try program("sleep 1000 if $text =~ /text 5/; print \"$text\\0\";")
    let stop = Flag()
    let start = ContinuousClock.now
    #expect(throws: TranslationStopped.self) {
      try runPool(
        apertium, processes: 2, blocks: 100, shouldStop: { stop.isSet },
        onDone: { block in
          if block == 6 { stop.set() }
        })
    }
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  static let installed: Bool = {
    guard let modes = try? Apertium().modes() else { return false }
    return modes.contains("eng-spa") && modes.contains("spa-eng")
  }()

  static let texts = [
    "We propose a new method for training neural networks on large data sets.",
    "The results show that our approach (called FOO-2) is better than the state of the art in 3 of 5 tasks",
    "Semantic analysis (computational)", "Semantic analysis (computational)",
    "Let $x^2 + y_{i}$ be a number; see [12] and <http://example.org/a?b=c&d>. It is \\alpha @ work.",
    "", "What is it good for?", "We propose a new method for training neural networks on large data sets.",
  ]

  @Test(.enabled(if: installed, "Apertium is not installed: apt install apertium apertium-eng-spa"))
  func `Apertium answers each text once, and the same texts always the same`() throws {
    let translator = translator(try Apertium())
    let together = try translator.backTranslate(Self.texts)
    #expect(together.count == Self.texts.count)
    #expect(together[5] == "")
    #expect(Guards().check(together[0], of: Self.texts[0]) == nil, "\(together[0])")
    #expect(together[0].hasSuffix(".") && !together[1].hasSuffix("."))
    #expect(together[6].hasSuffix("?"))
    #expect(together.allSatisfy { !$0.contains("[]") && !$0.contains("*") })
    // Whatever was translated before.
    for text in Self.texts { _ = try translator.backTranslate([text]) }
    #expect(try translator.backTranslate(Self.texts) == together)
    #expect(try self.translator(Apertium()).backTranslate(Self.texts) == together)
  }
}
