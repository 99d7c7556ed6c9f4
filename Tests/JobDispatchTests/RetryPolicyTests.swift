import IntrayCore
import JobDispatch
import Testing

@Suite struct RetryPolicyTests {
  private let crash = IntrayError(.crashed, "killed", isTransient: true)

  @Test func `a transient failure is retried until three attempts in a row made no progress`() {
    let policy = RetryPolicy()
    #expect(policy.decide(crash, attemptsWithoutProgress: 1) == .retry(after: .seconds(2)))
    #expect(policy.decide(crash, attemptsWithoutProgress: 2) == .retry(after: .seconds(8)))
    #expect(policy.decide(crash, attemptsWithoutProgress: 3) == .reject)
  }

  @Test func `an attempt that saved a checkpoint begins the count again`() {
    #expect(RetryPolicy().decide(crash, attemptsWithoutProgress: 0) == .retry(after: .seconds(2)))
  }

  @Test func `a permanent failure is rejected at once`() {
    #expect(RetryPolicy().decide(IntrayError(.data, "wrong"), attemptsWithoutProgress: 1) == .reject)
  }

  @Test func `one attempt means no retry`() {
    #expect(RetryPolicy(attempts: 1).decide(crash, attemptsWithoutProgress: 1) == .reject)
  }

  @Test func `the delay grows fourfold, to an hour at most, and never overflows`() {
    let policy = RetryPolicy(attempts: .max, backoff: .seconds(2))
    #expect((1...4).map { policy.delay(failures: $0) } == [.seconds(2), .seconds(8), .seconds(32), .seconds(128)])
    #expect(policy.delay(failures: 1000) == .seconds(3600))
    #expect(policy.delay(failures: .max) == .seconds(3600))
    #expect(RetryPolicy(backoff: .zero).delay(failures: 1000) == .zero)
    #expect(policy.delay(failures: 0) == .seconds(2))
  }
}
