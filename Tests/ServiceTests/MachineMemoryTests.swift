import Service
import TestSupport
import Testing

@Suite struct MachineMemoryTests {
  @Test(
    arguments: [
      // The smallest on the way up counts, wherever it is.
      (["": "", "system.slice": "max", "system.slice/intrayd.service": "1073741824"], 1_073_741_824),
      (["system.slice": "500000", "system.slice/intrayd.service": "1073741824"], 500_000),
      // A container sees its own limit at the top.
      (["": "400000", "system.slice/intrayd.service": "max"], 400_000),
      // Neither a neighbour's nor a child's.
      (["other.slice": "1000", "system.slice/intrayd.service/inner": "1000"], nil),
      (["system.slice": "max", "system.slice/intrayd.service": "max"], nil),
      ([:], nil),
    ] as [([String: String], Int?)]) func `the smallest limit of the own group and those above it counts`(
      limits: [String: String], expected: Int?
    ) throws
  {
    let folder = try TemporaryFolder(isSmall: true)
    for (group, limit) in limits { try folder.write("\(limit)\n", to: "cgroup/\(group)/memory.max") }
    let membership = try folder.write("0::/system.slice/intrayd.service\n", to: "membership")
    #expect(MachineMemory.groupLimit(below: "\(folder.path)/cgroup", of: membership) == expected)
  }

  @Test(
    arguments: [
      // Version 1 beside version 2: the lines of version 1 name other groups.
      ("4:memory:/v1\n1:name=systemd:/v1\n0::/mine\n", 200),
      ("4:memory:/v1\n1:name=systemd:/v1\n", nil),
      ("0::/\n", 300), ("0::/../elsewhere\n", 300), ("", nil),
    ] as [(String, Int?)]) func `the group is that of version 2`(membership: String, expected: Int?) throws
  {
    let folder = try TemporaryFolder(isSmall: true)
    for (group, limit) in [("v1", 100), ("mine", 200), ("", 300)] {
      try folder.write("\(limit)\n", to: "cgroup/\(group)/memory.max")
    }
    let file = try folder.write(membership, to: "membership")
    #expect(MachineMemory.groupLimit(below: "\(folder.path)/cgroup", of: file) == expected)
  }

  @Test func `without the files there is no limit`() {
    #expect(MachineMemory.groupLimit(below: "/nowhere", of: "/nowhere") == nil)
  }
}
