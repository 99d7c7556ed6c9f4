import Testing

/// Lets a few cases of all suites that have it run at a time: a user has 128 inotify instances (inotify(7)), and a case
/// that waits for a dozen others on a busy machine is late for its own deadlines.
struct FewAtATime: TestTrait, SuiteTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    // A suite and a test only hold their cases.
    guard testCase != nil else { return try await function() }
    await Gate.shared.enter()
    do {
      try await function()
      await Gate.shared.leave()
    } catch {
      await Gate.shared.leave()
      throw error
    }
  }

  private actor Gate {
    static let shared = Gate()

    private var free = 12
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func enter() async {
      if free > 0 {
        free -= 1
      } else {
        await withCheckedContinuation { waiting.append($0) }
      }
    }

    func leave() {
      if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
  }
}

extension Trait where Self == FewAtATime {
  static var fewAtATime: Self { Self() }
}
