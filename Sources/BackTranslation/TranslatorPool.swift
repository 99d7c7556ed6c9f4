import Foundation
import IntrayCore

/// Several translators at work, each on a thread of its own.
public enum TranslatorPool {
  /// Takes blocks of texts until there are no more, and gives each back with its translations.
  ///
  /// - Parameters:
  ///   - count: threads, each with its own translator.
  ///   - translator: makes a thread's translator: called on that thread, one at a time.
  ///   - next: the next block; nil at the end. Called one at a time.
  ///   - done: gets a block's translations as soon as they are there, in any order of the blocks. Called one at a time,
  ///     and not beside `next`.
  /// - Throws: the first error of any thread, once all have ended; `TranslationStopped` when `shouldStop` says so.
  public static func run<Block>(
    _ count: Int, translator: @escaping () -> ApertiumTranslator,
    next: @escaping () throws -> (block: Block, texts: [String])?,
    done: @escaping (Block, [String]) throws -> Void, shouldStop: @escaping @Sendable () -> Bool
  ) throws {
    let work = Work(translator: translator, next: next, done: done, shouldStop: shouldStop)
    let group = DispatchGroup()
    for _ in 0..<max(1, count) {
      group.enter()
      let thread = Thread {
        work.serve()
        group.leave()
      }
      thread.stackSize = 2 << 20
      thread.start()
    }
    group.wait()
    if let failure = work.failure { throw failure }
  }

  /// What the threads share; all but the translating itself goes on under its lock.
  private final class Work<Block>: @unchecked Sendable {
    private let lock = NSLock()
    private let translator: () -> ApertiumTranslator
    private let next: () throws -> (block: Block, texts: [String])?
    private let done: (Block, [String]) throws -> Void
    private let shouldStop: @Sendable () -> Bool
    private(set) var failure: (any Error)?

    init(
      translator: @escaping () -> ApertiumTranslator, next: @escaping () throws -> (block: Block, texts: [String])?,
      done: @escaping (Block, [String]) throws -> Void, shouldStop: @escaping @Sendable () -> Bool
    ) {
      self.translator = translator
      self.next = next
      self.done = done
      self.shouldStop = shouldStop
    }

    /// Nothing more is begun after an error.
    private var isOver: Bool { lock.withLock { failure != nil } }

    func serve() {
      do {
        let translator = lock.withLock(translator)
        while !isOver {
          if shouldStop() { throw TranslationStopped() }
          guard let (block, texts) = try lock.withLock(next) else { return }
          let translations = try translator.backTranslate(texts) { self.shouldStop() || self.isOver }
          try lock.withLock { try finish(block, translations) }
        }
      } catch {
        lock.withLock { failure = failure ?? error }
      }
    }

    /// With the lock held: after an error nobody finishes anything.
    private func finish(_ block: Block, _ translations: [String]) throws {
      if let failure { throw failure }
      do {
        try done(block, translations)
      } catch {
        failure = error
        throw error
      }
    }
  }
}
