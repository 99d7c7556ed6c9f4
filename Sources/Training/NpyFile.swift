import FileKit
import Foundation
import IntrayCore

/// NumPy's array file, version 1.0 (numpy.lib.format): a little-endian float32 matrix in row order.
public enum NpyFile {
  /// The header for `rows` x `columns` values, padded to a multiple of 64 bytes.
  public static func header(rows: Int, columns: Int) -> Data {
    var dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    let unpadded = 10 + dictionary.utf8.count + 1
    dictionary += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
    var data = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0])
    let length = UInt16(dictionary.utf8.count)
    data.append(contentsOf: [UInt8(truncatingIfNeeded: length), UInt8(truncatingIfNeeded: length >> 8)])
    return data + Data(dictionary.utf8)
  }

  /// - Parameter values: `rows` x `columns` numbers in row order.
  public static func write(_ values: [Float], columns: Int, to path: String) throws {
    let writer = try FileWriter(path)
    try header(rows: columns == 0 ? 0 : values.count / columns, columns: columns).withUnsafeBytes {
      try writer.write($0)
    }
    try values.withUnsafeBytes { try writer.write($0) }
    try writer.close(sync: false)
  }
}
