import CKernels
import Glibc
import Synchronization

/// The engine's threads. Nothing else in the engine starts any.
///
/// (1) A run is cut into chunks by its caller, by shapes only; the pool decides who computes a chunk and when. So results
///     never depend on the number of threads.
/// (2) `run` returns when all chunks are done, and what they wrote is visible to the caller.
/// (3) One run at a time: a second caller waits. A chunk must not start a run.
/// (4) Numbers below the normal ones count as zero in a chunk.
public final class ThreadPool: Sendable {
  /// The calling thread is one of them.
  public var threads: Int { crew.scratch.count }

  private let crew: Crew

  /// The number of threads is brought into 1...256.
  public init(threads: Int) {
    crew = Crew(threads: Swift.min(Swift.max(threads, 1), 256))
    crew.start()
  }

  deinit { crew.end() }

  /// Where the time went since the pool was made. Not while a run is going on.
  public var times: [Phase: PhaseTime] {
    Dictionary(uniqueKeysWithValues: zip(Phase.allCases, crew.times).filter { $0.1.wall > 0 })
  }

  /// Calls `body` with 0..<chunks, from several threads at once; chunks write disjoint memory.
  public func run(_ phase: Phase, chunks: Int, _ body: (Int) -> Void) {
    crew.run(phase, chunks: chunks, scratch: 0) { chunk, _ in body(chunk) }
  }

  /// The same, with `scratch` bytes that belong to the chunk while it runs. Their content is undefined.
  public func run(
    _ phase: Phase, chunks: Int, scratch: Int, _ body: (Int, UnsafeMutableRawPointer) -> Void
  ) {
    crew.run(phase, chunks: chunks, scratch: scratch, body)
  }
}

/// What the pool and its workers share. The workers keep it alive, but not the pool: the pool's end is their end.
private final class Crew: @unchecked Sendable {
  let scratch: [Buffer]

  private let turn = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let started = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let finished = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var workers: [pthread_t] = []
  private let nextChunk = Atomic<Int>(0)
  /// Counts the runs. A worker that has seen it change takes `work`, which stays until `active` is 0.
  private let generation = Atomic<Int>(0)
  /// The workers that have not finished with this run.
  private let active = Atomic<Int>(0)
  private let isEnding = Atomic<Bool>(false)
  private var work: Work?
  /// Guarded by `turn`.
  private(set) var times = [PhaseTime](repeating: PhaseTime(), count: Phase.allCases.count)
  /// Of each thread in this run.
  private let busy: UnsafeMutableBufferPointer<Double>

  /// How often a thread looks before it sleeps: runs follow each other within microseconds, and waking takes longer.
  private static let looks = 4000

  private struct Work {
    let chunks: Int
    let body: (Int, UnsafeMutableRawPointer) -> Void
  }

  private final class Place {
    let crew: Crew
    let index: Int

    init(crew: Crew, index: Int) {
      self.crew = crew
      self.index = index
    }
  }

  init(threads: Int) {
    scratch = (0..<threads).map { _ in Buffer() }
    busy = .allocate(capacity: threads)
    busy.initialize(repeating: 0)
    pthread_mutex_init(turn, nil)
    pthread_mutex_init(lock, nil)
    pthread_cond_init(started, nil)
    pthread_cond_init(finished, nil)
  }

  deinit {
    pthread_mutex_destroy(turn)
    pthread_mutex_destroy(lock)
    pthread_cond_destroy(started)
    pthread_cond_destroy(finished)
    busy.deallocate()
    turn.deallocate()
    lock.deallocate()
    started.deallocate()
    finished.deallocate()
  }

  func start() {
    for index in 1..<scratch.count {
      let place = Unmanaged.passRetained(Place(crew: self, index: index))
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          let place = Unmanaged<Place>.fromOpaque(argument).takeRetainedValue()
          place.crew.serve(index: place.index)
          return nil
        }, place.toOpaque())
      guard code == 0 else {
        // The system gives no more threads: those that exist do all the work.
        place.release()
        return
      }
      workers.append(thread)
    }
  }

  func end() {
    pthread_mutex_lock(lock)
    isEnding.store(true, ordering: .releasing)
    pthread_cond_broadcast(started)
    pthread_mutex_unlock(lock)
    for worker in workers { pthread_join(worker, nil) }
  }

  func run(_ phase: Phase, chunks: Int, scratch count: Int, _ body: (Int, UnsafeMutableRawPointer) -> Void) {
    guard chunks > 0 else { return }
    pthread_mutex_lock(turn)
    let began = Self.now()
    let subnormals = flush_subnormals()
    share(chunks: chunks, scratch: count, body)
    restore_subnormals(subnormals)
    let index = phase.rawValue
    times[index].wall += Self.now() - began
    for thread in busy.indices {
      times[index].busy += busy[thread]
      busy[thread] = 0
    }
    pthread_mutex_unlock(turn)
  }

  private func share(chunks: Int, scratch count: Int, _ body: (Int, UnsafeMutableRawPointer) -> Void) {
    for buffer in scratch { buffer.reserve(bytes: count) }
    guard chunks > 1, !workers.isEmpty else {
      let began = Self.now()
      for chunk in 0..<chunks { body(chunk, scratch[0].bytes) }
      busy[0] = Self.now() - began
      return
    }
    withoutActuallyEscaping(body) { body in
      let work = Work(chunks: chunks, body: body)
      nextChunk.store(0, ordering: .relaxed)
      self.work = work
      active.store(workers.count, ordering: .relaxed)
      pthread_mutex_lock(lock)
      generation.wrappingAdd(1, ordering: .releasing)
      pthread_cond_broadcast(started)
      pthread_mutex_unlock(lock)

      compute(work, index: 0)

      if !Self.soon({ active.load(ordering: .acquiring) == 0 }) {
        pthread_mutex_lock(lock)
        while active.load(ordering: .acquiring) > 0 { pthread_cond_wait(finished, lock) }
        pthread_mutex_unlock(lock)
      }
      self.work = nil
    }
  }

  /// Whether it becomes true while one looks.
  private static func soon(_ condition: () -> Bool) -> Bool {
    for _ in 0..<looks {
      if condition() { return true }
      spin_pause()
    }
    return false
  }

  private func compute(_ work: Work, index: Int) {
    let began = Self.now()
    while true {
      let chunk = nextChunk.wrappingAdd(1, ordering: .relaxed).oldValue
      guard chunk < work.chunks else { break }
      work.body(chunk, scratch[index].bytes)
    }
    busy[index] = Self.now() - began
  }

  /// Seconds.
  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  private func serve(index: Int) {
    // Signals are for the threads of the program around the engine.
    var signals = sigset_t()
    sigfillset(&signals)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    _ = flush_subnormals()
    var seen = 0
    func isCalled() -> Bool { generation.load(ordering: .acquiring) != seen || isEnding.load(ordering: .acquiring) }
    while true {
      if !Self.soon(isCalled) {
        pthread_mutex_lock(lock)
        while !isCalled() { pthread_cond_wait(started, lock) }
        pthread_mutex_unlock(lock)
      }
      if isEnding.load(ordering: .acquiring) { return }
      seen += 1
      if let work { compute(work, index: index) }
      if active.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
        pthread_mutex_lock(lock)
        pthread_cond_signal(finished)
        pthread_mutex_unlock(lock)
      }
    }
  }
}

extension Range<Int> {
  /// Cuts 0..<count into chunks of about `size`, all of nearly the same length; the number of chunks is a multiple of 4
  /// where there are more than 4, so that 2 and 4 threads end together. All but the last begin and end at a multiple of
  /// `multiple`.
  public static func chunks(of count: Int, size: Int, multiple: Int = 1) -> [Range<Int>] {
    guard count > 0 else { return [] }
    let units = (count + multiple - 1) / multiple
    var chunks = Swift.min(units, Swift.max(1, (count + size / 2) / size))
    if chunks > 4 { chunks = (chunks + 2) / 4 * 4 }
    return (0..<chunks).map {
      $0 * units / chunks * multiple..<Swift.min(count, ($0 + 1) * units / chunks * multiple)
    }
  }
}
