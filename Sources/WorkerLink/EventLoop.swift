import CLinux
import Glibc
import IntrayCore

/// Waits for file descriptors, timers and signals on one thread, with poll(2).
///
/// (1) Handlers are called on the thread that called `run`, one at a time. An error that a handler throws ends `run`.
/// (2) A handler whose watch or timer was cancelled is not called any more, even if it was due in the same turn.
/// (3) Descriptors are level-triggered: a handler that leaves data behind is called again in the next turn, after
///     every other one that is ready had its turn. So a handler that reads a bounded amount is fair to the rest.
/// (4) Timers run on the monotonic clock, in the order of their deadlines, and never early.
///
///     let loop = try EventLoop()
///     try loop.onSignal(SIGTERM) { loop.stop() }
///     loop.after(.seconds(5)) { ... }
///     try loop.run()
public final class EventLoop {
  /// What a descriptor is watched for. The handler is also called when the other side hung up or on an error: the
  /// read or write that follows tells.
  public enum Interest: Sendable {
    case readable
    case writable
  }

  public typealias Handler = () throws -> Void

  /// A watched descriptor. The loop keeps it until it is cancelled; the descriptor stays the caller's to close, after
  /// `cancel`.
  public final class Watch {
    fileprivate let descriptor: Int32
    fileprivate let interest: Interest
    fileprivate var handler: Handler?
    fileprivate weak var loop: EventLoop?

    fileprivate init(_ descriptor: Int32, _ interest: Interest, _ loop: EventLoop, _ handler: @escaping Handler) {
      self.descriptor = descriptor
      self.interest = interest
      self.loop = loop
      self.handler = handler
    }

    public var isActive: Bool { handler != nil }

    /// Cancelling twice is fine.
    public func cancel() {
      guard handler != nil else { return }
      handler = nil
      loop?.watches.removeAll { $0 === self }
    }
  }

  /// One call in the future.
  public final class Timer {
    fileprivate let deadline: SuspendingClock.Instant
    fileprivate let order: Int
    fileprivate var handler: Handler?

    fileprivate init(_ deadline: SuspendingClock.Instant, _ order: Int, _ handler: @escaping Handler) {
      self.deadline = deadline
      self.order = order
      self.handler = handler
    }

    /// Cancelling twice, or after the call, is fine.
    public func cancel() { handler = nil }

    public var isPending: Bool { handler != nil }
  }

  private var watches: [Watch] = []
  private var timers = TimerHeap()
  private var timerCount = 0
  private var signalHandlers: [Int32: Handler] = [:]
  private var signalSet = sigset_t()
  private var signalDescriptor: Int32 = -1
  private var isStopped = false

  public init() { sigemptyset(&signalSet) }

  deinit {
    // Handlers often hold the watch that holds them.
    for watch in watches { watch.handler = nil }
    timers.removeAll()
    if signalDescriptor >= 0 { close(signalDescriptor) }
  }

  /// Calls the handler in every turn in which the descriptor is ready.
  @discardableResult public func watch(
    descriptor: Int32, for interest: Interest = .readable, _ handler: @escaping Handler
  ) -> Watch {
    let watch = Watch(descriptor, interest, self, handler)
    watches.append(watch)
    return watch
  }

  /// Calls the handler once, as soon as the delay is over. A delay of zero or less means the next turn.
  @discardableResult public func after(_ delay: Duration, _ handler: @escaping Handler) -> Timer {
    timerCount += 1
    let timer = Timer(SuspendingClock.now.advanced(by: max(delay, .zero)), timerCount, handler)
    timers.push(timer)
    return timer
  }

  /// Calls the handler for every arrival of the signal (signalfd(2)). Arrivals before the handler runs count as one.
  ///
  /// The signal is blocked on the calling thread and on those that it starts later, and stays blocked: call this on
  /// the main thread before any other thread exists. A new handler for the same signal replaces the old one.
  public func onSignal(_ signal: Int32, _ handler: @escaping Handler) throws {
    sigaddset(&signalSet, signal)
    let error = pthread_sigmask(SIG_BLOCK, &signalSet, nil)
    guard error == 0 else { throw SystemCall.error("pthread_sigmask", error) }
    let descriptor = signalfd(signalDescriptor, &signalSet, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    guard descriptor >= 0 else { throw SystemCall.error("signalfd") }
    signalHandlers[signal] = handler
    if signalDescriptor < 0 {
      signalDescriptor = descriptor
      // The loop owns the watch: no cycle may keep both alive.
      watch(descriptor: descriptor) { [unowned self] in try readSignals() }
    }
  }

  /// Handles events until `stop`, an error, or until there is nothing left that could happen: no descriptor, no timer.
  public func run() throws {
    isStopped = false
    while !isStopped {
      try runTimers()
      if isStopped { return }
      let deadline = timers.first?.deadline
      if watches.isEmpty, deadline == nil { return }
      try runDescriptors(until: deadline)
    }
  }

  /// Lets `run` return after the handler that is being called. A later `run` goes on.
  public func stop() { isStopped = true }

  private func runTimers() throws {
    // What is scheduled from now on, even with no delay, waits for the next turn: descriptors get their share.
    let now = SuspendingClock.now
    let newest = timerCount
    while !isStopped, let timer = timers.first, timer.deadline <= now, timer.order <= newest {
      timers.removeFirst()
      let handler = timer.handler
      timer.handler = nil
      try handler?()
    }
  }

  private func runDescriptors(until deadline: SuspendingClock.Instant?) throws {
    let turn = watches
    var polled = turn.map {
      pollfd(fd: $0.descriptor, events: Int16($0.interest == .readable ? POLLIN : POLLOUT), revents: 0)
    }
    let count = poll(&polled, nfds_t(polled.count), deadline.map(PollTimeout.milliseconds) ?? -1)
    if count < 0 {
      if errno == EINTR { return }
      throw SystemCall.error("poll")
    }
    guard count > 0 else { return }
    for (watch, result) in zip(turn, polled) where result.revents != 0 {
      if isStopped { return }
      guard let handler = watch.handler else { continue }
      guard Int32(result.revents) & POLLNVAL == 0 else {
        throw IntrayError(.bug, "descriptor \(watch.descriptor) was closed while it was watched")
      }
      try handler()
    }
  }

  private func readSignals() throws {
    while true {
      var info = signalfd_siginfo()
      let size = MemoryLayout<signalfd_siginfo>.size
      let count = read(signalDescriptor, &info, size)
      if count == size {
        try signalHandlers[Int32(info.ssi_signo)]?()
      } else if count < 0, errno == EINTR {
        continue
      } else if count < 0, errno == EAGAIN {
        return
      } else {
        throw SystemCall.error("read signalfd")
      }
    }
  }
}

/// The timers by deadline, then by the order they were made in: a binary heap. Cancelled ones are dropped when they
/// come to the top.
private struct TimerHeap {
  private var items: [EventLoop.Timer] = []

  /// The next timer that was not cancelled.
  var first: EventLoop.Timer? {
    mutating get {
      while let top = items.first, !top.isPending { removeFirst() }
      return items.first
    }
  }

  mutating func push(_ timer: EventLoop.Timer) {
    items.append(timer)
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard precedes(child, parent) else { return }
      items.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() {
    guard let last = items.popLast(), !items.isEmpty else { return }
    items[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < items.count && precedes(child, least) {
        least = child
      }
      guard least != parent else { return }
      items.swapAt(parent, least)
      parent = least
    }
  }

  mutating func removeAll() {
    for timer in items { timer.cancel() }
    items = []
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    (items[a].deadline, items[a].order) < (items[b].deadline, items[b].order)
  }
}
