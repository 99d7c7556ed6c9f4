import Foundation
import TestSupport

/// A folder with a configuration, Echo as the only runner, and a batch; and a daemon when a test wants one.
final class Workplace {
  let folder: TemporaryFolder
  private var daemon: TestProcess?

  var path: String { folder.path }
  var intray: Program { Program(in: path) }

  init() throws {
    // A space in the path: nothing may break at it.
    folder = try TemporaryFolder()
    try folder.write("plugins: plugins\nsettle: 100ms\nbackoff: 100ms\nthreads: 1\n", to: "intray.yaml")
    try folder.write("id,text\n1,one\n2,two\n", to: "my batch/input.csv")
    try folder.write("", to: "plugins/.keep")
    try FileManager.default.copyItem(atPath: "\(Checkout.products)/libEcho.so", toPath: "\(path)/plugins/libEcho.so")
  }

  deinit { stopDaemon() }

  /// Writes a spec of runner echo beside the input.
  func spec(_ name: String, with: String = "{}", more: String = "") throws -> String {
    try folder.write("run: echo\ndata: {input: input.csv}\nwith: \(with)\n\(more)", to: "my batch/\(name).yaml")
    return "my batch/\(name).yaml"
  }

  /// Starts intrayd and returns when it answers.
  func startDaemon() throws {
    let process = TestProcess("\(Checkout.products)/intrayd", folder: path)
    let ready = Pipe()
    try process.run(errors: ready)
    daemon = process
    // Its first line says that it is ready, or why it is not.
    var said = Data()
    while !String(decoding: said, as: UTF8.self).contains("ready:") {
      let part = ready.fileHandleForReading.availableData
      guard !part.isEmpty else {
        throw CocoaError(.executableLoad, userInfo: [NSDebugDescriptionErrorKey: String(decoding: said, as: UTF8.self)])
      }
      said += part
    }
    // What it says later must not fill the pipe.
    ready.fileHandleForReading.readabilityHandler = { handle in
      if handle.availableData.isEmpty { handle.readabilityHandler = nil }
    }
  }

  func stopDaemon() {
    daemon?.send(SIGTERM)
    daemon?.waitUntilExit()
    daemon = nil
  }

  func text(_ file: String) throws -> String {
    try String(contentsOfFile: file.hasPrefix("/") ? file : "\(path)/\(file)", encoding: .utf8)
  }

  func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(file)") }
}
