import FileKit
import Foundation
import IntrayCore

/// A batch that was taken out of the inbox.
public struct Claim: Sendable {
  public let batch: Batch
  /// The folder that holds the files, below the folder of all claims: `<random>`, or `<random>/<name>` for a batch that
  /// was dropped as a folder.
  public let name: String
  /// The same as an absolute path.
  public let folder: String
}

/// Takes batches out of the inbox by renames.
///
/// (1) A claimed file is in the inbox or in the claim, never in both and never in neither.
/// (2) When `claim` returns, the claim is on disk: a record that is written after it finds the files after a power cut.
/// (3) A claim whose record was never written goes back to the inbox at the next start.
public struct Claims: Sendable {
  public let folder: String
  public let inbox: String

  public init(folder: String, inbox: String) {
    self.folder = folder
    self.inbox = inbox
  }

  /// The claim, or nil when one of the files has just gone: the batch is looked at again then.
  public func claim(_ batch: Batch) throws -> Claim? {
    let id = Self.newID()
    let root = "\(folder)/\(id)"
    try Files.makeFolder(root)
    do {
      for entry in batch.entries {
        let (from, to) = ("\(inbox)/\(entry.name)", "\(root)/\(entry.name)")
        guard entry.isShared else {
          try Files.rename(from, to: to)
          continue
        }
        // Under a name that giving back skips, until it is whole.
        let copy = "\(root)/\(Files.temporaryName())"
        try Files.copy(from, to: copy)
        try Files.rename(copy, to: to)
      }
      try Files.syncTree(root)
      try Files.syncFolder(folder)
      try Files.syncFolder(inbox)
    } catch {
      try giveBack(id)
      if IntrayError(error).code == .missing { return nil }
      throw error
    }
    let name = batch.folder.map { "\(id)/\($0)" } ?? id
    return Claim(batch: batch, name: name, folder: "\(folder)/\(name)")
  }

  /// Puts the files of a claim back into the inbox, under their names. If one of the names is taken by something else
  /// by now, they come back together in a new folder.
  public func giveBack(_ id: String) throws {
    let root = "\(folder)/\(id)"
    let names = try Files.list(root).filter { !Files.isTemporary($0) }
    if try names.contains(where: { try isTaken("\(root)/\($0)", "\(inbox)/\($0)") }) {
      try giveBackAsFolder(root, names, id)
    } else {
      for name in names {
        // Not moved: it is there already, byte for byte.
        _ = try Files.renameNoReplace("\(root)/\(name)", to: "\(inbox)/\(name)")
      }
    }
    try Files.syncFolder(inbox)
    try Files.remove(root)
  }

  private func giveBackAsFolder(_ root: String, _ names: [String], _ id: String) throws {
    if names.count == 1, try Files.status("\(root)/\(names[0])")?.kind == .folder {
      try Files.rename("\(root)/\(names[0])", to: "\(inbox)/\(names[0])-\(id)")
    } else {
      try Files.removeTemporaries(in: root)
      try Files.rename(root, to: "\(inbox)/\(id)")
    }
  }

  private func isTaken(_ claimed: String, _ dropped: String) throws -> Bool {
    guard let other = try Files.status(dropped) else { return false }
    guard let own = try Files.status(claimed), own.kind == .file, other.kind == .file, own.size == other.size else {
      return true
    }
    return try Files.sha256(claimed) != Files.sha256(dropped)
  }

  /// Gives back every claim but those that the store knows. One that cannot be given back keeps no other.
  ///
  /// - Parameter known: Names of claims, as in `Claim.name`.
  /// - Returns: how many went back.
  @discardableResult public func recover(known: Set<String>) throws -> Int {
    let ids = Set(known.map { $0.split(separator: "/").first.map(String.init) ?? $0 })
    var (count, failure) = (0, nil as (any Error)?)
    for id in try Files.list(folder) where !ids.contains(id) {
      do {
        let isEmpty = try Files.list("\(folder)/\(id)").isEmpty
        try giveBack(id)
        if !isEmpty { count += 1 }
      } catch {
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
    return count
  }

  /// Forgets a claim whose files have been moved on, or are not needed.
  public func remove(_ name: String) throws {
    let id = name.split(separator: "/").first.map(String.init) ?? name
    try Files.remove("\(folder)/\(id)")
  }

  private static func newID() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
