import FileKit
import Foundation

/// The memory that there is for this process and its children.
public enum MachineMemory {
  /// Bytes of the machine, or fewer where a control group has a limit.
  static var bytes: Int {
    let machine = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return min(machine, groupLimit() ?? machine)
  }

  /// The smallest `memory.max` of this process's control group and those above it: `MemoryMax=` of the unit and its
  /// slices, or the limit of a container. Nil without any, or without cgroup v2 (cgroups(7), the kernel's cgroup-v2.rst).
  ///
  /// - Parameters:
  ///   - root: Where cgroup v2 is mounted.
  ///   - membership: The file that says which group is the process's.
  public static func groupLimit(below root: String = "/sys/fs/cgroup", of membership: String = "/proc/self/cgroup")
    -> Int?
  {
    guard let lines = text(membership)?.split(separator: "\n") else { return nil }
    guard let group = lines.first(where: { $0.hasPrefix("0::/") })?.dropFirst("0::/".count) else { return nil }
    var names = group.split(separator: "/")
    // Outside of the namespace that we see: only the top is ours.
    if names.contains("..") { names = [] }
    let limits = (0...names.count).compactMap { depth in
      text("\(root)/\(names.prefix(depth).joined(separator: "/"))/memory.max").flatMap { Int($0) }
    }
    return limits.min()
  }

  private static func text(_ path: String) -> String? {
    (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
  }
}
