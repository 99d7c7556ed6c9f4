import Foundation
import FuzzTargets
import TestSupport
import Testing

@Suite struct CorpusTests {
  /// What `make fuzz` found worth keeping, faults that were repaired among it.
  @Test(arguments: FuzzTarget.allCases) func `each parser reads or refuses what the fuzzer kept`(
    target: FuzzTarget
  ) throws {
    let corpus = "\(Checkout.root)/Tests/Fuzzing/corpus/\(target.rawValue)"
    let names = try FileManager.default.contentsOfDirectory(atPath: corpus).sorted()
    try #require(!names.isEmpty)
    let folder = try TemporaryFolder(isSmall: true)
    for name in names {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(corpus)/\(name)"))
      let began = ContinuousClock.now
      #expect(throws: Never.self, "\(target.rawValue)/\(name)") { try target.run(bytes, in: folder.path) }
      #expect(ContinuousClock.now - began < .seconds(20), "\(target.rawValue)/\(name)")
    }
  }

  @Test func `there is no corpus without a target`() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: "\(Checkout.root)/Tests/Fuzzing/corpus")
    #expect(Set(folders) == Set(FuzzTarget.allCases.map(\.rawValue)))
  }
}
