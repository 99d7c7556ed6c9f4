import Foundation
import Tensors
import Testing

@Suite struct TensorTests {
  @Test func aTensorIsZeroAndAligned() {
    for shape in [[], [0], [1], [3, 5], [1000, 33]] {
      let tensor = Tensor(shape)
      #expect(UInt(bitPattern: tensor.data) % 64 == 0)
      #expect(tensor.count == shape.reduce(1, *))
      #expect(tensor.elements.allSatisfy { $0 == 0 })
    }
  }

  @Test func aPartSharesMemoryAndKeepsItAlive() {
    var whole: Tensor? = Tensor([2, 3], [1, 2, 3, 4, 5, 6])
    let part = whole.map { Tensor([3], partOf: $0, at: 3) }
    #expect(part?.elements == [4, 5, 6])
    part?[0] = 9
    #expect(whole?[3] == 9)
    whole = nil
    #expect(part?.elements == [9, 5, 6])
  }

  @Test func aBufferGrowsAndStays() {
    let buffer = Buffer()
    buffer.reserve(100)
    let first = buffer.bytes
    buffer.reserve(50)
    #expect(buffer.bytes == first)
    buffer.reserve(10_000)
    buffer.floats[9_999] = 1
    #expect(UInt(bitPattern: buffer.bytes) % 64 == 0)
  }

  @Test func aPackedBatchKnowsItsSequences() {
    let batch = PackedBatch([([5, 6, 7], [0, 0, 1]), ([8], [0])])
    #expect(batch.ids == [5, 6, 7, 8])
    #expect(batch.segments == [0, 0, 1, 0])
    #expect(batch.positions == [0, 1, 2, 0])
    #expect(batch.offsets == [0, 3, 4])
    #expect(batch.sequences == 2)
    #expect(batch.tokens == 4)
    #expect(batch.longest == 3)
    #expect(batch.range(1) == 3..<4)
  }

  @Test func aPackedBatchIsCutIntoGroups() {
    let batch = PackedBatch(
      [3, 1, 4, 2, 9, 1].map { ([Int32](repeating: Int32($0), count: $0), [Int32](repeating: 1, count: $0)) })
    let groups = batch.groups(tokens: 6)
    #expect(groups.map(\.first) == [0, 2, 4, 5])
    #expect(groups.map(\.batch.tokens) == [4, 6, 9, 1])
    #expect(groups.flatMap(\.batch.ids) == batch.ids)
    #expect(groups[1].batch.positions == [0, 1, 2, 3, 0, 1])
    #expect(PackedBatch([]).groups(tokens: 6).isEmpty)
  }
}
