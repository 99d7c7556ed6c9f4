import FileKit
import IntrayCore

/// Back-translation with two phrase tables: to the other language and back, sentence by sentence.
///
/// Of the ways back the best one that is not the sentence itself is taken, in the order of the decoder's beam; where
/// all are, the sentence stays.
public struct PivotTranslator: BackTranslator {
  /// The files of a folder as the runner `phrasetable` writes it.
  public static let forwardName = "forward.phrases"
  public static let backwardName = "backward.phrases"

  private let forward: PhraseDecoder
  private let backward: PhraseDecoder

  public init(forward: PhraseTable, backward: PhraseTable, beam: Int = PhraseDecoder.defaultBeam) {
    self.forward = PhraseDecoder(forward, beam: beam)
    self.backward = PhraseDecoder(backward, beam: beam)
  }

  /// Opens both tables of a folder.
  public init(folder: String, beam: Int = PhraseDecoder.defaultBeam) throws {
    try self.init(
      forward: PhraseTable("\(folder)/\(Self.forwardName)"), backward: PhraseTable("\(folder)/\(Self.backwardName)"),
      beam: beam)
  }

  /// - Returns: nil for a text of nothing but space.
  public func backTranslate(id: String, text: String) throws -> String? {
    let sentences = PhraseDecoder.sentences(of: text)
    if sentences.isEmpty { return nil }
    return try sentences.map(backTranslate).joined()
  }

  private func backTranslate(_ sentence: String) throws -> String {
    let ways = try backward.translations(of: forward.translations(of: sentence)[0].text)
    let own = Guards.compared(sentence)
    return (ways.first { Guards.compared($0.text) != own } ?? ways[0]).text
  }
}
