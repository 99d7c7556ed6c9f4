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
    func path(_ number: Int) -> String { number == 1 ? "\(folder)/\(name)" : "\(folder)/\(name)-\(number)" }
    func isFree(_ number: Int) throws -> Bool { try Files.status(path(number)) == nil }
    // By doubling and halving: thousands of folders of one name must not cost thousands of looks each.
    var (taken, free) = (0, 1)
    while try !isFree(free), free < tries { (taken, free) = (free, 2 * free) }
    while free - taken > 1 {
      let middle = (taken + free) / 2
      if try isFree(middle) { free = middle } else { taken = middle }
    }
    for number in free..<(free + tries) {
      guard try isFree(number) else { continue }
      try choose(path(number))
      guard try Files.renameNoReplace(staging, to: path(number)) else { continue }
      try Files.syncFolder(folder)
      return path(number)
    }
    throw IntrayError(
      .system, "\(tries) folders of this name are there already", at: .init("\(folder)/\(name)"),
      hint: "remove some of them")
  }

  private static let purged = ".purging-"

  /// Takes a complete folder away: hidden at once, gone by the next start at the latest.
  static func remove(_ path: String, in folder: String, id: JobID) throws {
    let hidden = "\(folder)/\(purged)\(id)"
    try Files.remove(hidden)
    try Files.rename(path, to: hidden)
    try Files.syncFolder(folder)
    try Files.remove(hidden)
  }

  /// Removes what `remove` has left when it was interrupted. What cannot be removed is out of sight, and stays.
  static func removePurged(in folder: String) throws {
    for name in try Files.list(folder) where name.hasPrefix(purged) { try? Files.remove("\(folder)/\(name)") }
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
