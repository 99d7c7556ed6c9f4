import CLinux
import Foundation
import IntrayCore
import Synchronization

/// The worker's end of its two pipes to the host: messages go out, and the lifeline says whether the host lives.
///
/// (1) Messages may be sent from any thread; each is written whole. A host that does not read makes the sender wait.
/// (2) Nothing is sent after a final message.
/// (3) Messages are throttled (`MessageThrottle`); what was held back goes out in time, whatever the senders do.
/// (4) When the host is gone, `onHostGone` is called, once or more, on any thread.
public final class WorkerChannel: Sendable {
  private struct State {
    var throttle = MessageThrottle()
    var isClosed = false
  }

  private let state = Mutex(State())
  private let descriptor: Int32
  private let lifeline: Int32
  private let wake: Descriptor
  private let onHostGone: @Sendable () -> Void

  /// - Parameters:
  ///   - descriptor: where the frames are written; stays the caller's.
  ///   - lifeline: ends when the host ends; stays the caller's.
  public init(descriptor: Int32, lifeline: Int32, onHostGone: @escaping @Sendable () -> Void) throws {
    self.descriptor = descriptor
    self.lifeline = lifeline
    self.onHostGone = onHostGone
    wake = try Descriptor(intray_eventfd(), "eventfd")
    Thread.detachNewThread { [self] in watch() }
  }

  public func send(_ message: WorkerMessage) {
    let mustWake = state.withLock { state -> Bool in
      guard !state.isClosed else { return false }
      let wasQuiet = state.throttle.due == nil
      for message in state.throttle.admit(message, now: .now) { write(message) }
      state.isClosed = message.isFinal
      return wasQuiet && state.throttle.due != nil
    }
    if mustWake { eventfd_write(wake.number, 1) }
  }

  /// The one helper thread of a worker.
  private func watch() {
    // Signals are for the main thread, whose waits they shall interrupt.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, nil)
    while true {
      var polled = [
        pollfd(fd: lifeline, events: Int16(POLLIN), revents: 0),
        pollfd(fd: wake.number, events: Int16(POLLIN), revents: 0),
      ]
      let due = state.withLock { $0.throttle.due }
      guard poll(&polled, 2, due.map(PollTimeout.milliseconds) ?? -1) >= 0 || errno == EINTR else { return }
      // Nobody writes to the lifeline, so whatever happens on it is its end.
      if polled[0].revents != 0 { return onHostGone() }
      if polled[1].revents != 0 {
        var count: eventfd_t = 0
        eventfd_read(wake.number, &count)
      }
      state.withLock { state in
        guard !state.isClosed else { return }
        for message in state.throttle.release(now: .now) { write(message) }
      }
    }
  }

  /// Called with the lock held. A message that cannot be a frame is dropped: it is a plugin's, and only of interest.
  private func write(_ message: WorkerMessage) {
    guard let body = try? JSON.encode(message), let frame = try? Frame.encode(body) else { return }
    frame.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = SystemCall.retrying {
          Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        }
        guard count >= 0 else { return onHostGone() }
        rest = rest.dropFirst(count)
      }
    }
  }
}
