import FileKit
import Foundation
import IntrayCore
import Safetensors
import TestSupport
import Testing

@Suite struct SafetensorsWriterTests {
  @Test func aFileWrittenAgainHasTheBytesOfPythonsFile() throws {
    let original = Checkout.fixture("safetensors/types.safetensors")
    let file = try SafetensorsFile(original)
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/model.safetensors"
    var writer = SafetensorsWriter(path)
    for name in file.names.reversed() {
      let entry = try #require(file.entry(name))
      writer.add(name, dtype: entry.dtype, shape: entry.shape, bytes: entry.bytes)
    }
    try writer.publish(metadata: file.metadata)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(contentsOf: URL(fileURLWithPath: original)))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.safetensors"])
  }

  @Test func whereverADiskFailsTheEarlierFileStaysOrTheNewOneIsWhole() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/model.safetensors"
    let values = [Float](repeating: 3, count: 100_000)
    var failures = 0
    while true {
      try folder.write("old", to: "model.safetensors")
      let fault = Fault(at: failures + 1, .fail(ENOSPC))
      do {
        try FaultInjection.with(fault) {
          try values.withUnsafeBytes {
            var writer = SafetensorsWriter(path)
            writer.add("a", dtype: .float32, shape: [values.count], bytes: $0)
            try writer.publish()
          }
        }
      } catch let error as IntrayError {
        #expect(error.code == .system)
      }
      if try Data(contentsOf: URL(fileURLWithPath: path)) != Data("old".utf8) {
        #expect(try floats(try SafetensorsFile(path), "a", [values.count]) == values)
      }
      guard fault.fired else { break }
      failures += 1
    }
    #expect(failures >= 5)
    #expect(try SafetensorsFile(path).names == ["a"])
  }

  @Test func namesAndMetadataOfAnyTextComeBack() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/model.safetensors"
    let texts = ["", "\"", "\\", "\u{0}\u{1f}\u{7f}\n\r\t\u{8}\u{c}", "ä", "😀", "a/b", "\u{2028}", "data_offsets"]
    let metadata = Dictionary(uniqueKeysWithValues: texts.map { ($0, $0 + "!") })
    var writer = SafetensorsWriter(path)
    for name in texts { writer.add(name, dtype: .bool, shape: [0], bytes: .init(start: nil, count: 0)) }
    try writer.publish(metadata: metadata)
    let file = try SafetensorsFile(path)
    #expect(Set(file.names) == Set(texts))
    #expect(file.metadata == metadata)
  }

  @Test func aFolderThatIsNotThereIsAnErrorAndNothingIsLeft() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: IntrayError.self) {
      try SafetensorsWriter("\(folder.path)/absent/model.safetensors").publish()
    }
    #expect(error?.location?.path.hasPrefix(folder.path) == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }
}
