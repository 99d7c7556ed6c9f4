/// Floating-point formats to fp32. The loops have no branches, so that the compiler makes vectors of them.
enum FloatConversion {
  /// - Returns: false when the type is not a floating-point type that fp32 can stand for.
  static func convert(
    _ source: UnsafeRawBufferPointer, of dtype: DType, into destination: UnsafeMutableBufferPointer<Float>
  ) -> Bool {
    guard let from = source.baseAddress, let to = destination.baseAddress, !destination.isEmpty else {
      return [.float32, .float16, .bfloat16, .float64].contains(dtype)
    }
    let count = destination.count
    switch dtype {
    case .float32: UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: source.count)
    case .bfloat16:
      for i in 0..<count {
        to[i] = Float(bitPattern: UInt32(from.loadUnaligned(fromByteOffset: i &* 2, as: UInt16.self)) &<< 16)
      }
    case .float16:
      for i in 0..<count {
        to[i] = widen(from.loadUnaligned(fromByteOffset: i &* 2, as: UInt16.self))
      }
    case .float64:
      for i in 0..<count { to[i] = Float(from.loadUnaligned(fromByteOffset: i &* 8, as: Double.self)) }
    default: return false
    }
    return true
  }

  /// IEEE half to single: shift the magnitude into place and rescale the exponent by a multiplication, which also makes
  /// normal numbers of subnormal ones. (`Float(Float16)` is a library call on CPUs without F16C.)
  @inline(__always) private static func widen(_ half: UInt16) -> Float {
    let magnitude = UInt32(half & 0x7FFF) &<< 13
    let scaled = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
    // Infinity and NaN keep all exponent bits set.
    let exponent: UInt32 = magnitude >= 0x0F80_0000 ? 0x7F80_0000 : 0
    return Float(bitPattern: scaled | exponent | UInt32(half & 0x8000) &<< 16)
  }
}
