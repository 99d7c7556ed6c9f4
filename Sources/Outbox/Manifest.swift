import FileKit
import Foundation
import IntrayCore

/// What a result folder holds, and which job made it: `manifest.json`.
public struct Manifest: Codable, Sendable, Equatable {
  /// One file. Sizes are bytes.
  public struct Entry: Codable, Sendable, Equatable {
    public var sha256: String
    public var size: Int

    public init(sha256: String, size: Int) {
      self.sha256 = sha256
      self.size = size
    }
  }

  public static let fileName = "manifest.json"

  public var job: JobID
  public var name: String
  public var runner: String
  public var version: String
  public var attempts: Int
  public var created: Date
  public var started: Date
  public var finished: Date
  /// Every file of the folder but the manifest itself, by its path below the folder.
  public var files: [String: Entry]

  /// - Throws: `IntrayError(.missing)` when the folder has no manifest, `.data` when it cannot be read.
  public static func read(folder: String) throws -> Manifest {
    let path = "\(folder)/\(fileName)"
    return try JSON.decode(from: try Files.read(path, followingLinks: false), path: path)
  }

  /// The entries of all files below the folder.
  ///
  /// - Throws: `IntrayError(.plugin)` for anything that is neither a file nor a folder: nobody can vouch for it.
  public static func entries(folder: String) throws -> [String: Entry] {
    var entries: [String: Entry] = [:]
    try collect(folder, "", depth: 0, &entries)
    entries[fileName] = nil
    return entries
  }

  private static func collect(_ root: String, _ below: String, depth: Int, _ entries: inout [String: Entry]) throws {
    // FileKit's own limit for trees.
    guard depth < 64 else { throw IntrayError(.plugin, "a result is too many folders deep", at: .init(root)) }
    let listing = try Files.listing(root + below)
    if let name = listing.notUTF8.first {
      throw IntrayError(.plugin, "a result holds a file whose name is not UTF-8", at: .init("\(below)/\(name)"))
    }
    for name in listing.names {
      let path = "\(below)/\(name)"
      guard let status = try Files.status(root + path) else { continue }
      switch status.kind {
      case .folder: try collect(root, path, depth: depth + 1, &entries)
      case .file:
        entries[String(path.dropFirst())] = Entry(
          sha256: try Files.sha256(root + path, followingLinks: false), size: status.size)
      case .symlink, .other:
        throw IntrayError(
          .plugin, "a result holds something that is neither a file nor a folder", at: .init(String(path.dropFirst())))
      }
    }
  }

  /// Compares the folder with the manifest.
  ///
  /// - Throws: `IntrayError(.data)` that names the first file, in the order of names, that is missing, changed or new.
  public func verify(folder: String) throws {
    let found = try Self.entries(folder: folder)
    for path in Set(found.keys).union(files.keys).sorted() {
      let location = IntrayError.Location("\(folder)/\(path)")
      guard let promised = files[path] else { throw IntrayError(.data, "is not in the manifest", at: location) }
      guard let entry = found[path] else { throw IntrayError(.data, "is missing", at: location) }
      guard entry == promised else { throw IntrayError(.data, "is not what the manifest says", at: location) }
    }
  }
}
