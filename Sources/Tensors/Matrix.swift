import COpenBLAS
import IntrayCore

/// OpenBLAS, single-threaded, with the kernels that fit the CPU.
public enum BLAS {
  /// Loads the library. Everything that multiplies needs it once; models do it when they are loaded.
  public static func load() throws {
    guard let reason = openblas_load() else { return }
    throw IntrayError(
      .system, "OpenBLAS cannot be loaded: \(String(cString: reason))", hint: "apt install libopenblas0-pthread")
  }

  /// The kernels in use, such as `SkylakeX`.
  public static func core() throws -> String {
    try load()
    return openblas_core().map { String(cString: $0) } ?? "unknown"
  }

  /// The kernels that fit this CPU; nil where OpenBLAS's own choice is as good. OPENBLAS_CORETYPE overrides it.
  public static var fittingCore: String? { openblas_fitting_core().map { String(cString: $0) } }

  /// c [m, n] = alpha * a [m, k] b [k, n] + beta * c; `stride` is the length of c's rows in memory. `load` comes first.
  @inline(__always)
  public static func multiply(
    _ a: Matrix, _ b: Matrix, into c: UnsafeMutablePointer<Float>, stride: Int, m: Int, n: Int, k: Int,
    alpha: Float = 1, beta: Float = 0
  ) {
    openblas_sgemm(
      a.isTransposed, b.isTransposed, Int32(m), Int32(n), Int32(k), alpha, a.data, Int32(a.stride), b.data,
      Int32(b.stride), beta, c, Int32(stride))
  }
}

/// A factor of a product: rows in memory, `stride` elements from one to the next.
public struct Matrix {
  let data: UnsafePointer<Float>
  let stride: Int
  var isTransposed = false

  public init(_ data: UnsafePointer<Float>, stride: Int) {
    self.data = data
    self.stride = stride
  }

  /// The same memory, its rows taken as columns.
  public var transposed: Matrix {
    var other = self
    other.isTransposed.toggle()
    return other
  }
}
