import FileKit
import Foundation
import IntrayCore

/// The folder of what could not run: per batch the dropped files in `input`, `reason.txt`, and the job's log.
///
/// (1) A folder without a leading dot is complete: what is being made lies in `.rejecting-<job>` until one rename.
/// (2) `file` may be repeated after a crash at any instruction; the dropped files are in one of three places: where
///     they were, in the staged folder, or in the filed one.
public struct Rejections: Sendable {
  /// What to file away.
  public struct Case: Sendable {
    public var id: JobID
    public var name: String
    /// Where the dropped files lie, if nobody has moved them yet.
    public var batch: String
    /// What went wrong; its hint says what to do.
    public var error: IntrayError
    /// The job's work folder, when the batch had become a job.
    public var work: WorkFolder?
    /// Whether the finished result is kept in `out`: it was made, and could not be published.
    public var keepsResult: Bool
    /// The job for programs, kept as `job.json`.
    public var record: Data?
    public var attempts: Int
    /// The folder that an earlier call chose, if there was one.
    public var folder: String?

    public init(
      id: JobID, name: String, batch: String, error: IntrayError, work: WorkFolder? = nil, keepsResult: Bool = false,
      record: Data? = nil, attempts: Int = 0, folder: String? = nil
    ) {
      self.id = id
      self.name = name
      self.batch = batch
      self.error = error
      self.work = work
      self.keepsResult = keepsResult
      self.record = record
      self.attempts = attempts
      self.folder = folder
    }
  }

  public let folder: String

  public init(folder: String) { self.folder = folder }

  /// Files the batch away and returns its folder; nil when there is nothing left of it to file.
  ///
  /// - Parameter choose: Remembers the chosen folder before it comes into being.
  public func file(_ item: Case, choose: (String) throws -> Void) throws -> String? {
    let staging = "\(folder)/\(Self.prefix)\(item.id)"
    try Files.makeFolder(folder)
    let isStaged = try Files.status(staging) != nil
    let isWaiting = try Files.status(item.batch) != nil
    guard isStaged || isWaiting else {
      // Filed already, or taken away by a person.
      guard let chosen = item.folder, try Files.status(chosen) != nil else { return nil }
      return chosen
    }
    try Files.makeFolder(staging)
    if isWaiting, try Files.status("\(staging)/input") == nil {
      try Files.rename(item.batch, to: "\(staging)/input")
    }
    if let work = item.work { try keep(work, result: item.keepsResult, in: staging) }
    return try FreeName.move(staging, to: folder, name: item.name) { path in
      try Files.publish(Data(Self.reason(item, folder: path).utf8), to: "\(staging)/\(Self.reasonName)")
      if let record = item.record { try Files.publish(record, to: WorkFolder(staging).record) }
      try Files.syncTree(staging)
      try choose(path)
    }
  }

  private func keep(_ work: WorkFolder, result: Bool, in staging: String) throws {
    if try Files.status(work.log) != nil, try Files.status("\(staging)/log.jsonl") == nil {
      try Files.rename(work.log, to: "\(staging)/log.jsonl")
    }
    if result, try Files.status(work.out) != nil, try Files.status("\(staging)/out") == nil {
      try Files.rename(work.out, to: "\(staging)/out")
    }
  }

  /// Whether a filing of this job was begun and not completed.
  public func isStaged(_ id: JobID) throws -> Bool { try Files.status("\(folder)/\(Self.prefix)\(id)") != nil }

  /// Gives a rejected batch back to the inbox, as one folder that comes in by one rename, and forgets the rejection.
  ///
  /// - Parameter rejection: The folder that `file` made.
  /// - Returns: the folder in the inbox.
  /// - Throws: `IntrayError(.missing)` when the rejection or its files are gone.
  public func giveBack(_ rejection: String, name: String, to inbox: String) throws -> String {
    let input = "\(rejection)/input"
    guard try Files.status(input)?.kind == .folder else {
      throw IntrayError(
        .missing, "the rejected files are not here any more", at: .init(input), hint: "drop the batch again")
    }
    let path = try FreeName.move(input, to: inbox, name: name) { _ in }
    try Files.remove(rejection)
    return path
  }

  /// Removes a rejected batch for ever: out of sight by one rename, then from the disk.
  ///
  /// - Parameter rejection: The folder that `file` made.
  public func remove(_ rejection: String, of id: JobID) throws {
    guard try Files.status(rejection) != nil else { return }
    try FreeName.remove(rejection, in: folder, id: id)
  }

  /// Removes what filings of jobs that nobody knows any more have left; what they hold of a batch goes to the inbox.
  public func recover(except jobs: Set<JobID>, inbox: String) throws {
    try Files.makeFolder(folder)
    try FreeName.removePurged(in: folder)
    for name in try Files.list(folder) where name.hasPrefix(Self.prefix) {
      let id = String(name.dropFirst(Self.prefix.count))
      if let known = JobID(rawValue: id), jobs.contains(known) { continue }
      let path = "\(folder)/\(name)"
      if try Files.status("\(path)/input") != nil {
        _ = try FreeName.move("\(path)/input", to: inbox, name: id) { _ in }
      }
      try Files.remove(path)
    }
  }

  // MARK: -

  private static let prefix = ".rejecting-"
  public static let reasonName = "reason.txt"

  /// The text for the person: what is wrong and where, where the files are, and the command that tries again.
  static func reason(_ item: Case, folder: String) -> String {
    var text = "\(item.error)\n\n"
    switch item.error.code {
    case .cancelled: text += "The job was cancelled.\n"
    case _ where item.attempts > 1: text += "It was tried \(item.attempts) times.\n"
    default: break
    }
    if item.keepsResult { text += "The result that was made is kept in\n    \(folder)/out\n" }
    text += """
      The dropped files are kept, as they were, in
          \(folder)/input
      Change there what has to be changed. This command drops them into the inbox again:
          intray retry \(quoted(String(folder.split(separator: "/").last ?? "")))

      job \(item.id)

      """
    return text
  }

  /// For a shell: unchanged when it is plain, else in single quotes.
  private static func quoted(_ name: String) -> String {
    let plain = name.utf8.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "-_.,+@".utf8.contains($0)
    }
    return plain && !name.hasPrefix("-") ? name : "'" + name.replacing("'", with: "'\\''") + "'"
  }
}
