import FileKit
import IntrayCore

/// Finds a folder name that is not taken: `papers`, `papers-2`, `papers-3` ...
enum FreeName {
  private static let tries = 100_000

  /// Moves `staging` into `folder` under the first free name, by one rename.
  ///
  /// - Parameter choose: Called with the path before the rename. The path was free then, so if a folder of this job is
  ///   there after a crash, it is the renamed one.
  static func move(
    _ staging: String, to folder: String, name: String, choose: (String) throws -> Void
  ) throws -> String {
    try check(name)
    for number in 1...tries {
      let path = number == 1 ? "\(folder)/\(name)" : "\(folder)/\(name)-\(number)"
      guard try Files.status(path) == nil else { continue }
      try choose(path)
      guard try Files.renameNoReplace(staging, to: path) else { continue }
      try Files.syncFolder(folder)
      return path
    }
    throw IntrayError(
      .system, "\(tries) folders of this name are there already", at: .init("\(folder)/\(name)"),
      hint: "remove some of them")
  }

  /// A name that comes from a spec must stay in its folder.
  static func check(_ name: String) throws {
    guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), !name.utf8.contains(0), name.utf8.count <= 200
    else {
      throw IntrayError(
        .spec, "'\(name)' cannot be the name of a folder", hint: "use a plain name of at most 200 bytes")
    }
  }
}
