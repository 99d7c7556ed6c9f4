import CKernels

/// What the encoder's numbers are kept and multiplied in. Sums, parameters, their gradients and the optimiser are fp32.
public enum Precision: String, Sendable, Codable, CaseIterable {
  case fp32
  /// bfloat16 activations and weights in products.
  case bf16
  /// Only in inference: weights in eight bits with a scale per output, the inputs of products with a scale per token;
  /// everything else as with bf16.
  case int8

  /// The best for this CPU: bf16 where it has instructions for it, fp32 elsewhere.
  public static var fastest: Precision { Precision.bf16.isNative ? .bf16 : .fp32 }

  /// Whether this CPU has instructions that make products in this precision faster than in fp32.
  public var isNative: Bool { self == .fp32 || best_instructions(element).rawValue >= instructions_dot.rawValue }

  /// The instructions that products take, for people.
  public var instructions: String {
    switch best_instructions(element) {
    case instructions_amx: "AMX"
    case instructions_dot: self == .int8 ? "AVX512-VNNI" : "AVX512-BF16"
    case instructions_avx512: "AVX-512"
    case instructions_avx2: "AVX2"
    default: "plain"
    }
  }

  /// Of the factors of products.
  public var element: CKernels.element {
    switch self {
    case .fp32: element_fp32
    case .bf16: element_bf16
    case .int8: element_int8
    }
  }

  /// Of the results of products, and of everything between them.
  public var activations: Precision { self == .int8 ? .bf16 : self }

  /// The bytes of a number.
  public var size: Int {
    switch self {
    case .fp32: 4
    case .bf16: 2
    case .int8: 1
    }
  }

  /// Products take words of 32 bits: sizes must be multiples of this.
  public var perWord: Int { 4 / size }

  /// The words of so many numbers; the last one may be filled up.
  public func words(_ count: Int) -> Int { (count + perWord - 1) / perWord }
}

/// The `precision` of a spec.
public enum PrecisionChoice: String, Sendable, Codable {
  case auto, fp32, bf16, int8

  /// nil where the fastest is to be taken.
  public var precision: Precision? { Precision(rawValue: rawValue) }
}
