import FileKit
import Foundation
import IntrayCore

/// Finished blocks of a job in its work folder, so that the next attempt need not do them again. A block is whole or not there.
public struct BlockStore<Block: Codable> {
  private let job: RunnerJob

  public init(_ job: RunnerJob) { self.job = job }

  private func path(_ index: Int) -> String { job.work("block-\(index).json") }

  /// - Throws: `IntrayError` where the disk fails.
  public func has(_ index: Int) throws -> Bool { try Files.status(path(index)) != nil }

  /// - Throws: `IntrayError` where the disk fails or is full.
  public func save(_ index: Int, _ block: Block) throws { try Files.publish(JSON.encode(block), to: path(index)) }

  /// - Throws: `IntrayError` where the block is not there or damaged.
  public func read(_ index: Int) throws -> Block {
    try JSON.decode(from: Files.read(path(index), limit: 1 << 30), path: path(index))
  }

  public func removeAll() throws {
    for name in try Files.list(job.workFolder) where name.hasPrefix("block-") { try Files.remove(job.work(name)) }
  }
}
