import FileKit
import IntrayCore

/// The folder that holds the models, one Hugging Face folder each, under its name.
public struct ModelStore: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// The names of all models, sorted. A missing store is an empty one.
  public func names() throws -> [String] {
    guard try Files.status(path) != nil else { return [] }
    return try Files.list(path).filter { name in
      try !name.hasPrefix(".") && Files.status("\(path)/\(name)/config.json") != nil
    }
  }

  /// The folder of a model.
  ///
  /// - Parameter name: a name in the store, or the path of a folder (anything with a slash).
  /// - Throws: `IntrayError(.model)` with the nearest name where there is none.
  public func folder(of name: String) throws -> String {
    let folder = name.contains("/") ? name : "\(path)/\(name)"
    if !name.isEmpty, !name.hasPrefix("."), try Files.status("\(folder)/config.json") != nil { return folder }
    if name.contains("/") {
      throw IntrayError(
        .model, "no model folder '\(name)'", hint: "a model folder has config.json, model.safetensors and vocab.txt")
    }
    let known = try names()
    throw IntrayError(
      .model, "no model '\(name)' in the model store",
      hint: known.isEmpty
        ? "add one with 'intray models add DIR'"
        : Suggestion.nearest(to: name, among: known).map { "did you mean '\($0)'?" }
          ?? "there are \(known.joined(separator: ", ")); add one with 'intray models add DIR'")
  }
}
