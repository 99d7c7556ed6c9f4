/// Cuts a chunk's scratch memory into parts, each at a cache line.
public struct Scratch {
  private var next: UnsafeMutableRawPointer

  public init(_ memory: UnsafeMutableRawPointer) { next = memory }

  public mutating func take(_ bytes: Int) -> UnsafeMutableRawPointer {
    defer { next += Self.rounded(bytes) }
    return next
  }

  public mutating func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
    take(count * 4).bindMemory(to: Float.self, capacity: count)
  }

  /// What parts of so many bytes need together.
  public static func size(_ parts: Int...) -> Int { parts.reduce(0) { $0 + rounded($1) } }

  private static func rounded(_ bytes: Int) -> Int { (bytes + 63) / 64 * 64 }
}
