/// What a person asks of the running daemon: one line of JSON on the control socket.
public struct ControlRequest: Codable, Sendable, Equatable {
  public enum Verb: String, Codable, Sendable, CaseIterable {
    /// Is it there? Answers with its process id.
    case ping
    /// End a job.
    case cancel
    /// Drop a rejected batch into the inbox again, or try a waiting job at once.
    case retry
    /// Keep a job from starting, or the whole queue.
    case hold
    case release
    /// Forget a job that has come to its end, and remove its files.
    case purge
  }

  public var verb: Verb
  /// An id, the beginning of one, or a name.
  public var job: String?

  public init(_ verb: Verb, job: String? = nil) {
    self.verb = verb
    self.job = job
  }
}

/// The daemon's answer: one line of JSON.
public struct ControlReply: Codable, Sendable, Equatable {
  /// What was done, for the person.
  public var message: String?
  public var error: IntrayError?

  public init(message: String) { self.message = message }

  public init(error: IntrayError) { self.error = error }
}
