import Foundation

/// Paths that tests share. All are found from this file's place in the checkout.
public enum Checkout {
  /// The folder of Package.swift.
  public static let root: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url.path
  }()

  /// `Tests/Fixtures/<name>`.
  public static func fixture(_ name: String) -> String { "\(root)/Tests/Fixtures/\(name)" }

  /// Where `swift build` put the programs and plugins that belong to the running tests.
  public static let products: String = {
    // The test bundle lies among the products: <products>/intrayPackageTests.xctest
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? Bundle.main.executablePath ?? ""
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().path
  }()

  /// The base model in the checkout's model store, nil where `make models` has not run.
  public static let baseModel: String? = existing("\(root)/.intray/models/all-MiniLM-L6-v2")

  /// Real data beside the project, nil where it is missing: tests that need it skip with a message.
  public static func sharedData(_ name: String) -> String? { existing("\(root)/../shared/data/\(name)") }

  private static func existing(_ path: String) -> String? { FileManager.default.fileExists(atPath: path) ? path : nil }
}

/// A new folder under the system's temporary folder, removed with its owner.
public final class TemporaryFolder: Sendable {
  public let path: String

  /// - Parameter isSmall: Puts it into memory where that is possible: for tests that sync a few small files thousands of
  ///   times.
  public init(isSmall: Bool = false) throws {
    let memory = "/dev/shm/"
    let isInMemory = isSmall && FileManager.default.isWritableFile(atPath: memory)
    path = "\(isInMemory ? memory : NSTemporaryDirectory())intray-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file with this content and returns its path.
  @discardableResult public func write(_ text: String, to name: String) throws -> String {
    try write(Data(text.utf8), to: name)
  }

  @discardableResult public func write(_ data: Data, to name: String) throws -> String {
    let url = URL(fileURLWithPath: path).appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
    return url.path
  }
}
