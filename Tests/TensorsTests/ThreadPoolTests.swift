import Foundation
import Synchronization
import Tensors
import Testing

private final class Counter: Sendable {
  let value = Atomic<Int>(0)
}

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 3, 8]) func eachChunkRunsOnce(threads: Int) {
    let pool = ThreadPool(threads: threads)
    for chunks in [0, 1, 2, 7, 1000] {
      let counts = Tensor([max(chunks, 1)])
      pool.run(.measuring, chunks: chunks) { counts.data[$0] += 1 }
      #expect(counts.elements.allSatisfy { $0 == (chunks == 0 ? 0 : 1) })
    }
    #expect(pool.threads == threads)
  }

  @Test func severalThreadsWorkAtTheSameTime() {
    let pool = ThreadPool(threads: 3)
    // Each chunk waits for the others: a pool with fewer threads would never come back.
    let arrived = Atomic<Int>(0)
    pool.run(.measuring, chunks: 3) { _ in
      arrived.wrappingAdd(1, ordering: .relaxed)
      while arrived.load(ordering: .relaxed) < 3 { usleep(100) }
    }
    #expect(arrived.load(ordering: .relaxed) == 3)
  }

  @Test(arguments: [1, 3]) func subnormalNumbersAreZeroInAChunkAndNowhereElse(threads: Int) {
    let pool = ThreadPool(threads: threads)
    let least = Tensor([1])
    least.data[0] = .leastNormalMagnitude
    func halved() -> Float { least.data[0] * 0.5 }
    let results = Tensor([threads])
    let arrived = Atomic<Int>(0)
    pool.run(.measuring, chunks: threads) { chunk in
      // Each chunk waits for the others, so that each thread has one.
      arrived.wrappingAdd(1, ordering: .relaxed)
      while arrived.load(ordering: .relaxed) < threads { usleep(100) }
      results.data[chunk] = halved()
    }
    #expect(results.elements.allSatisfy { $0 == 0 })
    #expect(halved() > 0)
  }

  @Test func scratchBelongsToOneChunkAtATime() {
    let pool = ThreadPool(threads: 4)
    let wrong = Atomic<Int>(0)
    pool.run(.measuring, chunks: 200, scratch: 2000) { chunk, memory in
      let scratch = memory.assumingMemoryBound(to: Float.self)
      for index in 0..<500 { scratch[index] = Float(chunk) }
      for index in 0..<500 where scratch[index] != Float(chunk) { wrong.wrappingAdd(1, ordering: .relaxed) }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }

  @Test func callersFromSeveralThreadsTakeTurns() async {
    let pool = ThreadPool(threads: 2)
    let total = Counter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<50 { pool.run(.measuring, chunks: 10) { _ in total.value.wrappingAdd(1, ordering: .relaxed) } }
        }
      }
    }
    #expect(total.value.load(ordering: .relaxed) == 2000)
  }

  @Test func aPoolThatGoesAwayEndsItsThreads() throws {
    func threads() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count }
    let before = try threads()
    do {
      let pool = ThreadPool(threads: 64)
      pool.run(.measuring, chunks: 100) { _ in }
    }
    #expect(try threads() < before + 60)
  }

  @Test func chunksCoverEverythingInOrder() {
    for count in [0, 1, 5, 255, 256, 257, 3456, 100_000] {
      let chunks = Range.chunks(of: count, size: 256)
      #expect(chunks.flatMap(Array.init) == Array(0..<count))
      #expect(chunks.allSatisfy { !$0.isEmpty && $0.count <= 512 })
    }
  }
}
