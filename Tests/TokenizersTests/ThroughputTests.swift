import Foundation
import Tables
import TestSupport
import Testing
import Tokenizers

/// Not a test of correctness: it takes the time on real texts, one thread, when asked to by
/// `INTRAY_BENCHMARK=1 swift test -c release --filter ThroughputTests`.
@Suite struct ThroughputTests {
  static let isWanted =
    ProcessInfo.processInfo.environment["INTRAY_BENCHMARK"] != nil && WordPieceTests.questions != nil
    && WordPieceTests.papers != nil

  @Test(.enabled(if: isWanted, "needs INTRAY_BENCHMARK=1, a release build and ../shared/data"))
  func wordPieceCutsTensOfMegabytesASecond() throws {
    let tokenizer = try WordPieceTokenizer(vocabulary: "\(try #require(WordPieceTests.questions))/bert-vocab.txt")
    let table = try TableReader(try #require(WordPieceTests.papers))
    let (title, abstract) = (try table.column("title"), try table.column("abstract"))
    var texts: [(first: [UInt8], second: [UInt8])] = []
    while let row = try table.next() { texts.append((Array(row[title].utf8), Array(row[abstract].utf8))) }
    let bytes = texts.reduce(0) { $0 + $1.first.count + $1.second.count }

    var best = 0.0
    var tokens = 0
    for _ in 0..<5 {
      tokens = 0
      let time = ContinuousClock().measure {
        for (first, second) in texts {
          first.withUnsafeBufferPointer { first in
            second.withUnsafeBufferPointer { tokens += tokenizer.encode(first, $0, maxLength: 300).ids.count }
          }
        }
      }
      best = max(best, Double(bytes) / 1e6 / (time / .seconds(1)))
    }
    print("WordPiece: \(tokens) tokens, \(best.rounded()) MB/s in one thread")
    #expect(best > 10)
  }
}
