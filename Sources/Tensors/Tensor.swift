import Glibc

/// A dense fp32 array in row-major order, aligned to 64 bytes.
///
/// (1) The memory lives as long as the tensor or any tensor that is a part of it.
/// (2) `data` is never nil, also for an empty tensor.
///
/// Who writes is the caller's affair: tensors are shared with the pool's threads, which write disjoint parts.
public final class Tensor: @unchecked Sendable {
  public let shape: [Int]
  public let count: Int
  public let data: UnsafeMutablePointer<Float>
  /// Whose memory this is; nil when it is its own.
  private let owner: Tensor?
  private let allocation: UnsafeMutableRawPointer?

  /// Zeros. Pages are only taken from the system when they are first touched.
  public init(_ shape: [Int]) {
    self.shape = shape
    count = Tensor.count(shape)
    let alignment = 64
    let (bytes, overflow) = (count + alignment).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    precondition(!overflow, "the tensor has too many elements")
    guard let memory = calloc(bytes, 1) else { preconditionFailure("out of memory: \(bytes) bytes") }
    let address = UInt(bitPattern: memory)
    let start = memory + Int((UInt(alignment) - address % UInt(alignment)) % UInt(alignment))
    data = start.bindMemory(to: Float.self, capacity: count)
    allocation = memory
    owner = nil
    if bytes >= 1 << 20 { Self.askForHugePages(memory, bytes) }
  }

  /// Passes over parameters and their moments wait for the translation of addresses otherwise. Only advice: nothing is
  /// lost where the system has none to give.
  private static func askForHugePages(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let from = (UInt(bitPattern: memory) + page - 1) / page * page
    let to = (UInt(bitPattern: memory) + UInt(bytes)) / page * page
    madvise(UnsafeMutableRawPointer(bitPattern: from), Int(to - from), MADV_HUGEPAGE)
  }

  /// The part of `whole` that starts at element `offset`.
  public init(_ shape: [Int], partOf whole: Tensor, at offset: Int) {
    self.shape = shape
    count = Tensor.count(shape)
    precondition(offset >= 0 && offset + count <= whole.count, "the part lies outside the tensor")
    data = whole.data + offset
    allocation = nil
    owner = whole
  }

  public convenience init(_ shape: [Int], _ elements: [Float]) {
    self.init(shape)
    precondition(elements.count == count, "\(elements.count) elements for the shape \(shape)")
    for (index, element) in elements.enumerated() { data[index] = element }
  }

  deinit { free(allocation) }

  public func fill(_ value: Float) { data.update(repeating: value, count: count) }

  public func copy(from other: Tensor) {
    precondition(count == other.count, "tensors of \(other.count) and \(count) elements")
    data.update(from: other.data, count: count)
  }

  public var elements: [Float] { Array(UnsafeBufferPointer(start: data, count: count)) }
  public var buffer: UnsafeMutableBufferPointer<Float> { .init(start: data, count: count) }
  public var bytes: UnsafeRawBufferPointer { .init(buffer) }

  public subscript(index: Int) -> Float {
    get {
      precondition(index >= 0 && index < count, "index \(index) of \(count)")
      return data[index]
    }
    set {
      precondition(index >= 0 && index < count, "index \(index) of \(count)")
      data[index] = newValue
    }
  }

  private static func count(_ shape: [Int]) -> Int {
    shape.reduce(1) { product, side in
      let (next, overflow) = product.multipliedReportingOverflow(by: side)
      precondition(side >= 0 && !overflow, "not a shape: \(shape)")
      return next
    }
  }
}

/// Memory for intermediate results that is used again in each step. It grows to the largest step and stays.
public final class Buffer: @unchecked Sendable {
  /// Aligned to 64 bytes.
  public private(set) var bytes: UnsafeMutableRawPointer
  public var floats: UnsafeMutablePointer<Float> { bytes.assumingMemoryBound(to: Float.self) }
  private var tensor: Tensor

  public init() {
    tensor = Tensor([0])
    bytes = UnsafeMutableRawPointer(tensor.data)
  }

  /// Makes room for `count` numbers. What was in the buffer is lost when it has to grow.
  public func reserve(_ count: Int, _ precision: Precision = .fp32) { reserve(bytes: count * precision.size) }

  public func reserve(bytes count: Int) {
    guard count > tensor.count * 4 else { return }
    // The old memory goes first, so that both are never held at once.
    tensor = Tensor([0])
    tensor = Tensor([(count + 3) / 4])
    bytes = UnsafeMutableRawPointer(tensor.data)
  }
}
