import FileKit
import Foundation
import IntrayCore

/// The folder of models: one Hugging Face folder each, under its name.
///
/// (1) A model is in the store whole or not at all: what is being made or removed has a hidden name.
/// (2) A model replaces the one before it in one step: a job that opens it sees the old one or the new one.
public struct ModelStore: Sendable {
  public let folder: String

  public init(_ folder: String) { self.folder = folder }

  /// The names of all models, sorted. A missing store is an empty one.
  public func names() throws -> [String] {
    guard try Files.status(folder) != nil else { return [] }
    return try Files.list(folder).filter { name in
      try !name.hasPrefix(".") && Files.status("\(folder)/\(name)/config.json") != nil
    }
  }

  /// The folder of a model.
  ///
  /// - Parameter name: a name in the store, or the absolute path of a folder.
  /// - Throws: `IntrayError(.model)` with the nearest name where there is none.
  public func folder(of name: String) throws -> String {
    if name.hasPrefix("/") {
      if try Files.status("\(name)/config.json") != nil { return name }
      throw IntrayError(
        .model, "no model in the folder '\(name)'",
        hint: "a model folder has config.json, model.safetensors and vocab.txt")
    }
    guard try names().contains(name) else { throw try missing(name) }
    return "\(folder)/\(name)"
  }

  /// Whether a model may be installed under this name.
  ///
  /// - Throws: `IntrayError(.usage)` for a name that is taken, or is no name.
  public func check(name: String, replacing: Bool) throws {
    guard Self.isName(name) else {
      throw IntrayError(.usage, "'\(name)' is no name for a model", hint: "no '/', no dot in front, at most 100 bytes")
    }
    guard try replacing || Files.status("\(folder)/\(name)") == nil else {
      throw IntrayError(.usage, "there is a model '\(name)' already", hint: "use --force to replace it, or --name")
    }
  }

  /// Copies a folder into the store.
  ///
  /// - Parameters:
  ///   - replacing: Whether a model of that name may be there already.
  ///   - staging: The hidden name that it has until it is whole.
  /// - Throws: `IntrayError(.usage)` for a name that is taken, or is no name.
  public func install(
    _ source: String, as name: String, replacing: Bool, staging: String = Files.temporaryName()
  ) throws {
    try check(name: name, replacing: replacing)
    let staging = "\(folder)/\(staging)"
    let target = "\(folder)/\(name)"
    try Files.makeFolder(folder)
    try Files.remove(staging)
    // Whatever fails, a half-made copy does not stay; after the exchange it is the model that was there before.
    defer { try? Files.remove(staging) }
    try Files.copyTree(source, to: staging)
    try Files.syncTree(staging)
    if try !Files.renameNoReplace(staging, to: target) { try Files.exchange(staging, target) }
    try Files.syncFolder(folder)
  }

  /// - Throws: `IntrayError(.model)` where there is none of that name.
  public func remove(_ name: String) throws {
    guard try names().contains(name) else { throw try missing(name) }
    let staging = "\(folder)/\(Files.temporaryName())"
    try Files.rename("\(folder)/\(name)", to: staging)
    try Files.remove(staging)
  }

  private func missing(_ name: String) throws -> IntrayError {
    let known = try names()
    let hint =
      Suggestion.nearest(to: name, among: known).map { "did you mean '\($0)'?" }
      ?? (known.isEmpty ? "" : "there are \(known.joined(separator: ", ")); ") + "`intray models add DIR` adds one"
    return IntrayError(.model, "no model '\(name)' in the model store \(folder)", hint: hint)
  }

  /// What tells this model from another one of the same name, before or after it: its configuration, and size and
  /// modification time of its files. Cheap, whatever the size.
  public func identity(of name: String) throws -> String {
    let folder = try folder(of: name)
    var digest = SHA256Digest()
    digest.update(try Files.read("\(folder)/config.json"))
    for name in try Files.list(folder) {
      guard let status = try Files.status("\(folder)/\(name)") else { continue }
      digest.update(Data("\(name) \(status.size) \(status.modified)\n".utf8))
    }
    return digest.hex()
  }

  private static func isName(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 100
      && name.unicodeScalars.allSatisfy { $0 != "/" && $0.properties.generalCategory != .control }
  }
}
