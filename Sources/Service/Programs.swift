import FileKit
import IntrayCore

/// The programs that belong together lie beside each other.
public enum Programs {
  /// The path of `intray-worker`.
  public static func worker() throws -> String {
    let path = "\(Files.parent(of: try Files.programPath()))/intray-worker"
    guard try Files.status(path) != nil else {
      throw IntrayError(
        .missing, "the program is not beside the one that runs", at: .init(path), hint: "install Intray again")
    }
    return path
  }
}
