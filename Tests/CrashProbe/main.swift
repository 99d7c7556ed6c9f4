// Makes one change on the disk and ends, for tests that kill it on the way (FaultInjection.environmentVariable).
import FileKit
import Foundation

let arguments = CommandLine.arguments.dropFirst()
switch (arguments.first, arguments.count) {
case ("publish", 4):
  // PATH BYTE COUNT
  let (path, byte, count) = (arguments[2], UInt8(arguments[3]) ?? 0, Int(arguments[4]) ?? 0)
  try Files.publish(Data(repeating: byte, count: count), to: path)
case ("copy-tree", 3):
  try Files.copyTree(arguments[2], to: arguments[3])
default:
  exit(64)
}
