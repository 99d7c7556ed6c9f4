import IntrayCore

/// Files in the inbox that belong together, complete and settled.
public struct Batch: Sendable, Equatable {
  /// One entry at the top of the inbox.
  public struct Entry: Sendable, Equatable {
    public var name: String
    /// Another spec in the inbox names it too, so this batch gets a copy.
    public var isShared: Bool

    public init(name: String, isShared: Bool = false) {
      self.name = name
      self.isShared = isShared
    }
  }

  /// What says how to run it.
  public enum Source: Sendable, Equatable {
    /// The spec file of this name.
    case spec(String)
    /// No spec: the file of this name goes by the routes.
    case file(String)
    /// Nothing does: the batch is refused.
    case nothing(IntrayError)
  }

  /// The name that a refusal gets: that of the spec, the folder or the file, fit to be a folder's name.
  public var name: String
  public var entries: [Entry]
  /// Set when the batch is one folder, which holds the files.
  public var folder: String?
  public var source: Source
  /// Why it is refused although it says how to run it: it waited for too long.
  public var refusal: IntrayError?

  public init(
    name: String, entries: [Entry], folder: String? = nil, source: Source, refusal: IntrayError? = nil
  ) {
    self.name = Self.folderName(name)
    self.entries = entries
    self.folder = folder
    self.source = source
    self.refusal = refusal
  }

  /// Makes a plain folder name of any file name: no leading dots, no control characters, at most 100 bytes.
  static func folderName(_ name: String) -> String {
    var text = ""
    for character in name.drop(while: { $0 == "." }) {
      let isPlain =
        character != "/" && character.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
      let next = isPlain ? String(character) : "_"
      guard text.utf8.count + next.utf8.count <= 100 else { break }
      text += next
    }
    return text.isEmpty ? "batch" : text
  }
}

/// The names that intake goes by.
enum InboxName {
  /// Marks a folder that is no batch.
  static let ignoreMarker = ".intray-ignore"

  /// What is no one's business yet: hidden, or being written under another name.
  static func isIgnored(_ name: String) -> Bool {
    name.hasPrefix(".") || isPartial(name)
  }

  static func isPartial(_ name: String) -> Bool {
    name.hasSuffix(".part") || name.hasSuffix(".tmp")
  }

  static func isSpec(_ name: String) -> Bool {
    let name = name.lowercased()
    return name.hasSuffix(".yaml") || name.hasSuffix(".yml")
  }

  /// Without the last extension.
  static func stem(_ name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
  }
}
