import Foundation

/// Runs one of the package's programs, or any other, and collects what it says.
public struct Program {
  public struct Result: Sendable {
    public var status: Int32
    public var output: String
    public var errors: String

    /// The output as JSON.
    public func json<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
      try JSONDecoder().decode(type, from: Data(output.utf8))
    }
  }

  private let path: String
  private let folder: String

  /// - Parameters:
  ///   - name: a program of the package (`intray`), or a path.
  ///   - folder: the working folder.
  public init(_ name: String = "intray", in folder: String) {
    path = name.contains("/") ? name : "\(Checkout.products)/\(name)"
    self.folder = folder
  }

  /// Runs it to its end, which a program that hangs reaches by SIGKILL after the time limit.
  /// - Parameter environment: is added to this process's own.
  public func callAsFunction(
    _ arguments: String..., input: String = "", environment: [String: String] = [:], timeLimit: TimeInterval = 120
  ) throws -> Result {
    try run(arguments, input: input, environment: environment, timeLimit: timeLimit)
  }

  public func run(
    _ arguments: [String], input: String = "", environment: [String: String] = [:], timeLimit: TimeInterval = 120
  ) throws -> Result {
    // Files and not pipes: a program that says much cannot block.
    let files = try TemporaryFolder()
    let inputPath = try files.write(input, to: "in")
    let outputPath = try files.write("", to: "out")
    let errorsPath = try files.write("", to: "err")
    // Help texts wrap at the terminal's width.
    let variables = ProcessInfo.processInfo.environment.merging(["COLUMNS": "80"]) { $1 }
    let process = TestProcess(
      path, arguments, environment: variables.merging(environment) { $1 }, folder: folder)
    try process.run(
      input: FileHandle(forReadingFrom: URL(fileURLWithPath: inputPath)),
      output: FileHandle(forWritingTo: URL(fileURLWithPath: outputPath)),
      errors: FileHandle(forWritingTo: URL(fileURLWithPath: errorsPath)))
    let watchdog = DispatchSource.makeTimerSource(queue: .global())
    watchdog.schedule(deadline: .now() + timeLimit)
    watchdog.setEventHandler { process.send(SIGKILL) }
    watchdog.activate()
    process.waitUntilExit()
    watchdog.cancel()
    return Result(
      status: process.terminationStatus,
      output: try String(contentsOfFile: outputPath, encoding: .utf8),
      errors: try String(contentsOfFile: errorsPath, encoding: .utf8))
  }
}

extension TemporaryFolder {
  /// Writes a shell script that can be executed, and returns its path.
  ///
  /// Another process writes it: a file that this process has open for writing may still be open in a child that another
  /// test is just starting, and the script could not be executed then (ETXTBSY).
  public func writeScript(_ text: String, to name: String) throws -> String {
    _ = try Program("/bin/sh", in: path)("-c", "cat >\"$0\" && chmod 755 \"$0\"", name, input: "#!/bin/sh\n\(text)\n")
    return "\(path)/\(name)"
  }
}
