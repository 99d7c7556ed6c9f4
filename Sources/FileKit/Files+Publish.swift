import Foundation
import IntrayCore

extension Files {
  /// Replaces the file at `path` by one with this content, or leaves it as it is and throws.
  public static func publish(_ data: Data, to path: String) throws {
    try publish(to: path) { writer in try data.withUnsafeBytes { try writer.write($0) } }
  }

  /// The same for content that is written piece by piece: temp file > `body` writes > fsync > rename > fsync folder.
  ///
  /// When only the last step fails the new content is in place, and an error says that it may not outlive a power cut.
  public static func publish<Result>(to path: String, _ body: (FileWriter) throws -> Result) throws -> Result {
    let folder = parent(of: path)
    let temporary = "\(folder)/\(temporaryName())"
    let result: Result
    do {
      let writer = try FileWriter(temporary, flags: O_CREAT | O_EXCL)
      result = try body(writer)
      try writer.close(sync: true)
      try rename(temporary, to: path)
    } catch {
      // The first error is the one to show; a temp file that stays is recognised by its name.
      try? remove(temporary)
      throw error
    }
    try syncFolder(folder)
    return result
  }

  /// Whether this is the name of a file or folder that a publish was still making.
  public static func isTemporary(_ name: String) -> Bool {
    name.hasPrefix(temporaryPrefix) && name.hasSuffix(temporarySuffix)
  }

  /// A new name for something that is being made: a dot-file, so nobody takes it for a result.
  public static func temporaryName() -> String {
    let random = String(UInt64.random(in: .min ... .max), radix: 16)
    return temporaryPrefix + String(repeating: "0", count: 16 - random.count) + random + temporarySuffix
  }

  /// Removes from a folder what publishes that never ended have left.
  public static func removeTemporaries(in folder: String) throws {
    for name in try list(folder) where isTemporary(name) { try remove("\(folder)/\(name)") }
  }

  private static let temporaryPrefix = ".intray-"
  private static let temporarySuffix = ".tmp"

  /// Makes the names in a folder last: fsync(2) of the folder.
  public static func syncFolder(_ path: String) throws {
    try Descriptor.folder(path).sync(path)
  }
}
