import IntrayCore

/// What one worker process has to do: one attempt of one job. It reaches the worker as JSON on its standard input.
public struct WorkerTask: Codable, Sendable, Equatable {
  /// The plugin's shared library.
  public var plugin: String
  public var spec: JobSpec
  /// The batch; only read.
  public var inputFolder: String
  /// Where the result is made. The worker empties it before it calls the plugin.
  public var outputFolder: String
  /// The plugin's checkpoints; kept between attempts. The worker locks it: two workers never share it.
  public var workFolder: String
  /// The model store; only read.
  public var modelsFolder: String
  /// 1 at the first attempt.
  public var attempt: Int
  /// Compute threads that the job may use, at least 1.
  public var threads: Int
  /// The job is planned first, and runs only when its plan takes no more than these bytes. Nil runs it without a plan.
  public var memory: Int?

  /// All paths must be absolute.
  public init(
    plugin: String, spec: JobSpec, inputFolder: String, outputFolder: String, workFolder: String, modelsFolder: String,
    attempt: Int, threads: Int, memory: Int? = nil
  ) {
    self.plugin = plugin
    self.spec = spec
    self.inputFolder = inputFolder
    self.outputFolder = outputFolder
    self.workFolder = workFolder
    self.modelsFolder = modelsFolder
    self.attempt = attempt
    self.threads = threads
    self.memory = memory
  }
}
