import FileKit
import Foundation
import IntrayCore

/// The pieces of a WordPiece model in the order of their ids.
struct Vocabulary: Sendable {
  /// UTF-8. Not `String`: two spellings of é are two pieces, and equal strings in Swift.
  private(set) var pieces: [[UInt8]] = []
  /// The pieces that start a word, and those that go on with one (without `##`).
  let starts: ByteTrie
  let continuations: ByteTrie
  private var added: [(token: String, id: Int32)] = []

  /// 4 MiB; bert-base-multilingual's vocabulary has 1 MB.
  static let fileLimit = ByteTrie.capacity
  static let mostAdded = 4096
  static let continuationPrefix = Array("##".utf8)

  /// - Parameters:
  ///   - pieces: in the order of their ids.
  ///   - path: where they come from, for the errors. `line` tells the line of an id.
  init(_ pieces: [[UInt8]], path: String, line: (Int) -> Int? = { _ in nil }) throws {
    guard !pieces.isEmpty else { throw IntrayError(.model, "the vocabulary is empty", at: .init(path)) }
    guard pieces.reduce(0, { $0 + $1.count }) <= Self.fileLimit else {
      throw IntrayError(.model, "the vocabulary is larger than any real one", at: .init(path))
    }
    self.pieces = pieces
    var (starts, continuations) = (ByteTrie.Builder(), ByteTrie.Builder())
    for (id, piece) in pieces.enumerated() {
      guard !piece.isEmpty else {
        throw IntrayError(.model, "the token with the id \(id) is empty", at: .init(path, line: line(id)))
      }
      let isContinuation = piece.starts(with: Self.continuationPrefix)
      let earlier =
        isContinuation
        ? continuations.insert(piece.dropFirst(2), value: Int32(id)) : starts.insert(piece, value: Int32(id))
      if let earlier {
        throw IntrayError(
          .model,
          "the token '\(String(decoding: piece, as: UTF8.self))' is there twice, with the ids \(earlier) and \(id)",
          at: .init(path, line: line(id)))
      }
    }
    (self.starts, self.continuations) = (ByteTrie(starts), ByteTrie(continuations))
  }

  /// Reads `vocab.txt`: a piece a line, its id is the line's number from 0.
  init(file path: String) throws {
    let data = try Files.read(path, limit: Self.fileLimit)
    var lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    // The end of the last line, not a line of its own.
    if lines.last?.isEmpty == true { lines.removeLast() }
    let pieces = try lines.enumerated().map { number, line in
      guard String(validating: line, as: UTF8.self) != nil else {
        throw IntrayError(.model, "not UTF-8", at: .init(path, line: number + 1))
      }
      let end = line.lastIndex { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
      return Array(end.map { line[...$0] } ?? line.prefix(0))
    }
    try self.init(pieces, path: path) { $0 + 1 }
  }

  /// Adds tokens that are no pieces: they are found only where they are written as such in a text.
  /// - Parameter tokens: each with its id, which is that of a piece or the next free one.
  mutating func add(_ tokens: [(token: String, id: Int)], path: String) throws {
    // Each is compared with the others, here and at a place of a text where one may start.
    guard tokens.count <= Self.mostAdded else {
      throw IntrayError(.model, "\(tokens.count) added tokens, more than \(Self.mostAdded)", at: .init(path))
    }
    for (token, id) in tokens.sorted(by: { $0.id < $1.id }) {
      if let known = self.id(token) {
        guard Int(known) == id else {
          throw IntrayError(.model, "the token '\(token)' has the ids \(known) and \(id)", at: .init(path))
        }
      } else {
        guard id == pieces.count, !token.isEmpty else {
          throw IntrayError(
            .model, "the added token '\(token)' has the id \(id); the next free one is \(pieces.count)", at: .init(path)
          )
        }
        pieces.append(Array(token.utf8))
        added.append((token, Int32(id)))
      }
    }
  }

  func id(_ piece: String) -> Int32? {
    if let (_, id) = added.first(where: { $0.token == piece }) { return id }
    return starts.value(piece.utf8)
  }
}
