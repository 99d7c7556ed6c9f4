import Foundation
import IntrayCore
import Testing

@Suite struct JSONValueTests {
  private func decode(_ text: String) throws -> JSONValue { try JSON.decode(from: text, path: "x.json") }

  @Test func `each kind of value comes back as it was written`() throws {
    let text = #"{"a":[null,true,1,-2.5,"1",{},[]],"b":{"c":9223372036854775807}}"#
    #expect(try decode(text) == ["a": [.null, true, 1, -2.5, "1", [:], []], "b": ["c": .int(.max)]])
    #expect(try JSON.text(decode(text)) == text)
  }

  @Test(arguments: [("[", "]"), ("{\"a\":", "}")]) func `a fault deep inside is told soon`(
    opening: String, closing: String
  ) throws {
    for (depth, message) in [(100, "not valid JSON"), (400, "nested deeper than 128")] {
      let text = String(repeating: opening, count: depth) + "1e999" + String(repeating: closing, count: depth)
      let began = ContinuousClock.now
      let error = #expect(throws: IntrayError.self) { try decode(text) }
      #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
      // It took a minute when each level looked for the fault again.
      #expect(ContinuousClock.now - began < .seconds(2))
    }
  }
}
