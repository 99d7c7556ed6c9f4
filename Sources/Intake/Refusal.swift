import FileKit
import Foundation
import IntrayCore
import SpecFile

/// The errors for what is in the inbox and cannot be taken.
enum Refusal {
  static func kind(_ kind: FileStatus.Kind, _ path: String) -> IntrayError {
    switch kind {
    case .symlink:
      IntrayError(.data, "a symbolic link is not followed", at: .init(path), hint: "drop the file itself")
    case .folder:
      IntrayError(
        .data, "a folder in a batch is not looked into", at: .init(path), hint: "put all files beside the spec")
    case .file, .other:
      IntrayError(.data, "neither a regular file nor a folder", at: .init(path), hint: "drop a regular file")
    }
  }

  /// Another name of the file could change it while the job runs, and may be somebody else's.
  static func hardLinks(_ count: Int, _ path: String) -> IntrayError {
    IntrayError(.data, "the file has \(count) names (hard links)", at: .init(path), hint: "drop a copy of it")
  }

  static func notUTF8(_ name: String, _ path: String) -> IntrayError {
    IntrayError(.data, "the name '\(name)' is not UTF-8", at: .init(path), hint: "rename the file")
  }
}

/// A spec from its text, shown in errors by its plain name.
enum SpecText {
  static func draft(_ data: Data, name: String) throws -> DraftSpec {
    try DraftSpec(node: YAML.parse(data, path: name), path: name, defaultName: Batch.folderName(InboxName.stem(name)))
  }
}
