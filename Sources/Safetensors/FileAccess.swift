import Glibc
import IntrayCore

// Stands in for FileKit until that is merged.

final class MappedFile: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer

  init(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw IntrayError(errno == ENOENT ? .missing : .system, String(cString: strerror(errno)), at: .init(path))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw IntrayError(.system, String(cString: strerror(errno)), at: .init(path))
    }
    guard status.st_size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw IntrayError(.system, String(cString: strerror(errno)), at: .init(path))
    }
    bytes = UnsafeRawBufferPointer(start: base, count: Int(status.st_size))
  }

  deinit {
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }
}

final class FileWriter {
  private let file: UnsafeMutablePointer<FILE>
  private let path: String

  init(_ path: String) throws {
    guard let file = fopen(path, "wxe") else {
      throw IntrayError(.system, String(cString: strerror(errno)), at: .init(path))
    }
    self.file = file
    self.path = path
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard fwrite(bytes.baseAddress, 1, bytes.count, file) == bytes.count else {
      throw IntrayError(.system, String(cString: strerror(errno)), at: .init(path))
    }
  }

  func close(sync: Bool) throws {
    defer { fclose(file) }
    guard fflush(file) == 0, !sync || fsync(fileno(file)) == 0 else {
      throw IntrayError(.system, String(cString: strerror(errno)), at: .init(path))
    }
  }
}

enum Files {
  static func rename(_ from: String, to: String) throws {
    guard Glibc.rename(from, to) == 0 else {
      throw IntrayError(.system, String(cString: strerror(errno)), at: .init(to))
    }
  }

  static func remove(_ path: String) throws {
    guard unlink(path) == 0 || errno == ENOENT else {
      throw IntrayError(.system, String(cString: strerror(errno)), at: .init(path))
    }
  }

  static func syncFolder(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0, fsync(descriptor) == 0, close(descriptor) == 0 else {
      throw IntrayError(.system, String(cString: strerror(errno)), at: .init(path))
    }
  }
}
