import CKernels
import Foundation
import Tensors
import Testing

@Suite struct CounterRandomTests {
  /// From kat_vectors of Random123 1.14 (Salmon et al.).
  @Test func philoxGivesTheKnownAnswers() {
    let ones = UInt32.max
    #expect(
      CounterRandom.philox(counter: (0, 0, 0, 0), key: (0, 0)) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    #expect(
      CounterRandom.philox(counter: (ones, ones, ones, ones), key: (ones, ones))
        == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
    #expect(
      CounterRandom.philox(
        counter: (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: (0xa409_3822, 0x299f_31d0))
        == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
    #expect(
      CounterRandom.philox(rounds: 7, counter: (0, 0, 0, 0), key: (0, 0))
        == [0x5f6f_b709, 0x0d89_3f64, 0x4f12_1f81, 0x4f73_0a48])
  }

  @Test func seedPurposeAndIndexEachChangeTheNumbers() {
    func first(_ seed: UInt64, _ purpose: UInt32, _ index: UInt64) -> UInt32 {
      var random = CounterRandom(seed: seed, purpose: purpose, index: index)
      return random.nextWord()
    }
    let words = [
      first(1, 1, 1), first(2, 1, 1), first(1, 2, 1), first(1, 1, 2), first(1 << 32, 1, 1), first(1, 1, 1 << 32),
    ]
    #expect(Set(words).count == words.count)
    #expect(first(1, 1, 1) == words[0])
  }

  @Test func uniformNumbersFillTheUnitInterval() {
    var random = CounterRandom(seed: 9, purpose: 1)
    let numbers = (0..<20_000).map { _ in random.nextUniform() }
    #expect(numbers.allSatisfy { $0 >= 0 && $0 < 1 })
    #expect(abs(numbers.reduce(0, +) / 20_000 - 0.5) < 0.01)
  }

  @Test func normalNumbersHaveTheirDeviation() {
    var random = CounterRandom(seed: 9, purpose: 1)
    let tensor = Tensor([20_001])
    random.fillNormal(tensor, deviation: 0.02)
    let squares = tensor.elements.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect(abs((squares / 20_001).squareRoot() - 0.02) < 0.0005)
    #expect(abs(tensor.elements.reduce(0.0) { $0 + Double($1) } / 20_001) < 0.0005)
  }

  @Test func uniformNumbersFillTheirInterval() {
    var random = CounterRandom(seed: 9, purpose: 1)
    let tensor = Tensor([10_000])
    random.fillUniform(tensor, bound: 0.05)
    #expect(tensor.elements.allSatisfy { abs($0) <= 0.05 })
    #expect(tensor.elements.contains { $0 > 0.049 } && tensor.elements.contains { $0 < -0.049 })
    #expect(abs(tensor.elements.reduce(0.0) { $0 + Double($1) } / 10_000) < 0.001)
  }

  @Test func aShuffleIsAPermutationAndAlwaysTheSame() {
    var random = CounterRandom(seed: 4, purpose: CounterRandom.Purpose.shuffle, index: 2)
    let order = random.shuffle(1000)
    #expect(order.sorted() == Array(0..<1000))
    #expect(order != Array(0..<1000))
    var again = CounterRandom(seed: 4, purpose: CounterRandom.Purpose.shuffle, index: 2)
    #expect(again.shuffle(1000) == order)
    #expect(again.shuffle(0) == [])
    #expect(again.shuffle(1) == [0])
  }

  @Test func numbersBelowABoundAreAllEquallyLikely() {
    var random = CounterRandom(seed: 4, purpose: 1)
    var counts = [0, 0, 0]
    for _ in 0..<30_000 { counts[random.nextInt(below: 3)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 10_000) < 400 })
  }
}

@Suite struct DropoutKernelTests {
  func mask(_ rows: Int, _ features: Int, rate: Double, seed: UInt32 = 1, index: UInt64 = 0, firstRow: Int = 0)
    -> [Float]
  {
    let threshold = UInt32(rate * 65536)
    var settings = dropout(
      key: (seed, 0), purpose: 5, index: index, threshold: threshold, scale: 65536 / Float(65536 - threshold))
    let x = Tensor([rows, features])
    x.fill(1)
    dropout_forward(x.data, element_fp32, &settings, firstRow, rows, features)
    return x.elements
  }

  @Test(arguments: [0.1, 0.3, 0.5]) func theRateIsKeptAndTheMeanToo(rate: Double) {
    let mask = mask(1000, 384, rate: rate)
    let dropped = Double(mask.count { $0 == 0 }) / Double(mask.count)
    #expect(abs(dropped - rate) < 0.003)
    #expect(abs(mask.reduce(0.0) { $0 + Double($1) } / Double(mask.count) - 1) < 0.005)
    #expect(Set(mask).count == 2)
  }

  @Test func eachElementComesFromPhilox() {
    // Row 3 of 70 columns takes 16 counters from 48 on. In a block of 64, sixteen elements in turn take the lower and the
    // upper halves of the words 1 and 0 of the eight counters, then those of the words 3 and 2.
    let mask = mask(1, 70, rate: 0.5, seed: 77, index: 1 << 33 | 5, firstRow: 3)
    for element in 0..<70 {
      let (block, place) = (element / 64, element % 64)
      let counter = UInt32(48 + block * 8 + place % 16 / 2)
      let words = CounterRandom.philox(rounds: 7, counter: (counter, 5, 2, 5), key: (77, 0))
      let word = words[(place < 32 ? 1 : 3) - place % 2]
      let half = place / 16 % 2 == 0 ? word & 0xffff : word >> 16
      #expect(mask[element] == (half >= 32768 ? 2 : 0))
    }
  }

  @Test func rowsMayBeCutAnywhere() {
    let whole = mask(10, 33, rate: 0.2)
    #expect(mask(4, 33, rate: 0.2) + mask(6, 33, rate: 0.2, firstRow: 4) == whole)
    #expect(mask(10, 33, rate: 0.2, seed: 2) != whole)
    #expect(mask(10, 33, rate: 0.2, index: 1) != whole)
    #expect(mask(10, 33, rate: 0) == [Float](repeating: 1, count: 330))
  }
}
