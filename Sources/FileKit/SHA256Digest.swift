import COpenSSL
import Foundation

/// SHA-256 of bytes that come piece by piece, through OpenSSL's libcrypto.
public struct SHA256Digest: ~Copyable {
  private let context: OpaquePointer

  public init() {
    // These calls fail when memory is out or the library is not what it says: nothing a caller could do.
    guard let context = EVP_MD_CTX_new() else { preconditionFailure("EVP_MD_CTX_new failed") }
    precondition(EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "SHA-256 is not available")
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "EVP_DigestUpdate failed")
  }

  public mutating func update(_ data: Data) {
    data.withUnsafeBytes { update($0) }
  }

  /// The digest in 64 lower-case hex digits.
  public consuming func hex() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    precondition(EVP_DigestFinal_ex(context, &digest, nil) == 1, "EVP_DigestFinal_ex failed")
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The digest of one piece of data.
  public static func hex(of data: Data) -> String {
    var digest = SHA256Digest()
    digest.update(data)
    return digest.hex()
  }
}
