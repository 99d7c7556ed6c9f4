import Foundation
import FuzzTargets

/// One program for all targets; INTRAY_FUZZ names the one and the folder for its files.
private let (target, folder): (FuzzTarget, String) = {
  let environment = ProcessInfo.processInfo.environment
  guard let target = FuzzTarget(rawValue: environment["INTRAY_FUZZ"] ?? ""),
    let folder = environment["INTRAY_FUZZ_FOLDER"]
  else {
    fatalError("INTRAY_FUZZ names one of \(FuzzTarget.allCases.map(\.rawValue)), INTRAY_FUZZ_FOLDER a folder")
  }
  return (target, folder)
}()

/// libFuzzer calls it with one input after the other, and keeps the one that ends the process.
@_cdecl("LLVMFuzzerTestOneInput") public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    try target.run(Data(UnsafeBufferPointer(start: start, count: count)), in: folder)
  } catch {
    fatalError("\(error)")
  }
  return 0
}
