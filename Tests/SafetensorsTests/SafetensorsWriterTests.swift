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

  @Test func anEarlierFileIsReplacedAndALeftOverPartIsInNobodysWay() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("old", to: "model.safetensors")
    try folder.write("left by a worker that was killed", to: "model.safetensors.part")
    let values: [Float] = [1, 2, 3]
    try values.withUnsafeBytes {
      var writer = SafetensorsWriter(path)
      writer.add("a", dtype: .float32, shape: [3], bytes: $0)
      try writer.publish()
    }
    let file = try SafetensorsFile(path)
    #expect(file.metadata.isEmpty)
    #expect(try floats(file, "a", [3]) == values)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.safetensors"])
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
