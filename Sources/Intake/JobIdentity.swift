import FileKit
import Foundation
import IntrayCore

extension JobID {
  /// The id of a job: a hash of what decides its result.
  ///
  /// - Parameters:
  ///   - spec: The resolved spec. Whether it is forced, its priority and its limits do not count.
  ///   - hashes: SHA-256 of the data files by role. They count in place of what the spec promises.
  ///   - models: What tells the models that the spec names from others of the same names, by parameter.
  ///   - version: The runner's version.
  public init(spec: JobSpec, hashes: [String: String], models: [String: String] = [:], version: String) throws {
    var spec = spec
    spec.force = false
    spec.priority = 0
    spec.limits = JobLimits()
    for (role, file) in spec.data.files {
      spec.data.files[role] = DataFile(path: file.path, sha256: hashes[role])
    }
    var digest = SHA256Digest()
    for part in [try JSON.encode(spec), try JSON.encode(models), Data("\n\(spec.run) \(version)".utf8)] {
      part.withUnsafeBytes { digest.update($0) }
    }
    guard let id = JobID(rawValue: String(digest.hex().prefix(16))) else {
      throw IntrayError(.bug, "a hash is no job id")
    }
    self = id
  }

  /// An id for a batch that never became a job.
  public static func random() throws -> JobID {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    guard let id = JobID(rawValue: String(repeating: "0", count: 16 - digits.count) + digits) else {
      throw IntrayError(.bug, "a random number is no job id")
    }
    return id
  }

  /// The id of the nth run of the same job: `<id>-2`.
  public func repetition(_ number: Int) -> JobID? { JobID(rawValue: "\(rawValue)-\(number)") }
}
