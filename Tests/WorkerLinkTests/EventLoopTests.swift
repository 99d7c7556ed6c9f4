import Glibc
import IntrayCore
import Testing
import WorkerLink

@Suite("Event loop")
struct EventLoopTests {
  private struct Failure: Error {}

  /// A pipe whose ends are closed with it. Who only hands out its numbers must hold it: `withExtendedLifetime`.
  private final class TestPipe {
    let reading: Int32
    private(set) var writing: Int32

    init() {
      var ends: [Int32] = [-1, -1]
      pipe(&ends)
      (reading, writing) = (ends[0], ends[1])
    }

    func write(_ text: String) { #expect(Glibc.write(writing, text, text.utf8.count) == text.utf8.count) }

    func closeWriting() {
      if writing >= 0 { close(writing) }
      writing = -1
    }

    func readSome(_ limit: Int = 4096) -> Int {
      var bytes = [UInt8](repeating: 0, count: limit)
      return read(reading, &bytes, limit)
    }

    deinit {
      closeWriting()
      close(reading)
    }
  }

  @Test("Timers are called in the order of their deadlines, those of one deadline in the order they were made")
  func timerOrder() throws {
    let loop = EventLoop()
    var calls: [Int] = []
    for delay in [30, 5, 20, 0, 10, 5, 25, 15, 0] {
      loop.after(.milliseconds(delay)) { calls.append(delay) }
    }
    try loop.run()
    #expect(calls == [0, 0, 5, 5, 10, 15, 20, 25, 30])
  }

  @Test("Of a thousand timers, those not cancelled are called in order")
  func manyTimers() throws {
    let loop = EventLoop()
    var calls: [Int] = []
    for index in 0..<1000 {
      // Far enough apart for the time that making them takes.
      let timer = loop.after(.milliseconds(index * 7919 % 4 * 50)) { calls.append(index) }
      if index % 3 == 0 { timer.cancel() }
    }
    try loop.run()
    let expected = (0..<4).flatMap { step in (0..<1000).filter { $0 * 7919 % 4 == step && $0 % 3 != 0 } }
    #expect(calls == expected)
  }

  @Test("A timer is never early, and is not pending after its call")
  func timerIsNotEarly() throws {
    let loop = EventLoop()
    let start = SuspendingClock.now
    let timer = loop.after(.milliseconds(15)) { #expect(SuspendingClock.now - start >= .milliseconds(15)) }
    #expect(timer.isPending)
    try loop.run()
    #expect(!timer.isPending)
    #expect(SuspendingClock.now - start >= .milliseconds(15))
  }

  @Test("A delay beyond all limits, or below zero, does no harm")
  func extremeDelays() throws {
    let loop = EventLoop()
    loop.after(.seconds(Int64.max)) { Issue.record("too early") }
    var isCalled = false
    loop.after(.seconds(Int64.min)) { isCalled = true }
    loop.after(.milliseconds(5)) { loop.stop() }
    try loop.run()
    #expect(isCalled)
  }

  @Test("A cancelled timer is not called, even when it was due in the same turn")
  func cancelledTimer() throws {
    let loop = EventLoop()
    var second: EventLoop.Timer?
    loop.after(.zero) { second?.cancel() }
    second = loop.after(.zero) { Issue.record("cancelled") }
    try loop.run()
  }

  @Test("A descriptor's handler is called until the data is read, and at the end of the stream")
  func reads() throws {
    let loop = EventLoop()
    let pipe = TestPipe()
    defer { withExtendedLifetime(pipe) {} }
    pipe.write("abc")
    var counts: [Int] = []
    var watch: EventLoop.Watch?
    watch = loop.watch(descriptor: pipe.reading) {
      counts.append(pipe.readSome(2))
      if counts.count == 2 { pipe.closeWriting() }
      if counts.last == 0 { watch?.cancel() }
    }
    try loop.run()
    #expect(counts == [2, 1, 0])
    #expect(watch?.isActive == false)
  }

  @Test("A descriptor can be watched until there is room to write")
  func writes() throws {
    let loop = EventLoop()
    let pipe = TestPipe()
    defer { withExtendedLifetime(pipe) {} }
    _ = fcntl(pipe.writing, F_SETFL, O_NONBLOCK)
    let block = [UInt8](repeating: 0, count: 4096)
    while write(pipe.writing, block, block.count) > 0 {}
    var hasRoom = false
    var watch: EventLoop.Watch?
    watch = loop.watch(descriptor: pipe.writing, for: .writable) {
      hasRoom = true
      watch?.cancel()
    }
    loop.after(.milliseconds(5)) {
      #expect(!hasRoom)
      // Room for PIPE_BUF bytes makes a pipe writable (pipe(7)).
      _ = pipe.readSome()
    }
    try loop.run()
    #expect(hasRoom)
  }

  @Test("A watch that another handler cancelled in the same turn is not called")
  func cancelledWatch() throws {
    let loop = EventLoop()
    let pipes = [TestPipe(), TestPipe()]
    defer { withExtendedLifetime(pipes) {} }
    var watches: [EventLoop.Watch] = []
    var calls = 0
    for pipe in pipes {
      pipe.write("x")
      watches.append(
        loop.watch(descriptor: pipe.reading) {
          calls += 1
          for watch in watches { watch.cancel() }
        })
    }
    try loop.run()
    #expect(calls == 1)
  }

  @Test("A descriptor that is always ready starves neither timers nor other descriptors")
  func fairness() throws {
    let loop = EventLoop()
    let busy = TestPipe()
    let other = TestPipe()
    defer { withExtendedLifetime((busy, other)) {} }
    busy.write("x")
    loop.watch(descriptor: busy.reading) {}
    var isOtherCalled = false
    loop.watch(descriptor: other.reading) {
      isOtherCalled = true
      loop.stop()
    }
    loop.after(.milliseconds(5)) { other.write("y") }
    try loop.run()
    #expect(isOtherCalled)
  }

  @Test("A timer that always makes another one starves no descriptor")
  func timersAreFair() throws {
    let loop = EventLoop()
    let pipe = TestPipe()
    defer { withExtendedLifetime(pipe) {} }
    pipe.write("x")
    func again() { loop.after(.zero) { again() } }
    again()
    loop.watch(descriptor: pipe.reading) { loop.stop() }
    try loop.run()
  }

  @Test("A signal calls its handler, once for arrivals that nobody had handled yet")
  func signals() throws {
    let loop = EventLoop()
    var calls = 0
    try loop.onSignal(SIGUSR1) { calls += 1 }
    try loop.onSignal(SIGUSR2) { loop.stop() }
    // raise(3) signals the calling thread, which is the one that blocks the signal and reads it.
    raise(SIGUSR1)
    raise(SIGUSR1)
    loop.after(.milliseconds(10)) { raise(SIGUSR2) }
    try loop.run()
    #expect(calls == 1)
  }

  @Test("An error in a handler ends the loop, which can go on afterwards")
  func errors() throws {
    let loop = EventLoop()
    var isCalled = false
    loop.after(.zero) { throw Failure() }
    loop.after(.milliseconds(1)) { isCalled = true }
    #expect(throws: Failure.self) { try loop.run() }
    #expect(!isCalled)
    try loop.run()
    #expect(isCalled)
  }

  @Test("A descriptor that was closed while it was watched is an error, not an endless loop")
  func closedDescriptor() throws {
    let loop = EventLoop()
    // A number that no descriptor has: the limit is far below.
    loop.watch(descriptor: Int32.max) {}
    #expect(throws: IntrayError.self) { try loop.run() }
  }

  @Test("A loop without anything to wait for ends")
  func nothingToDo() throws { try EventLoop().run() }

  @Test("A loop that goes lets go of its handlers")
  func noCycle() {
    final class Owner { var watch: EventLoop.Watch? }
    weak var observed: Owner?
    let pipe = TestPipe()
    defer { withExtendedLifetime(pipe) {} }
    do {
      let loop = EventLoop()
      let owner = Owner()
      observed = owner
      owner.watch = loop.watch(descriptor: pipe.reading) { _ = owner }
      loop.after(.seconds(1)) { _ = owner }
      #expect(observed != nil)
    }
    #expect(observed == nil)
  }
}
