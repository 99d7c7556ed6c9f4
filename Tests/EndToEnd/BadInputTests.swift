import FileKit
import Foundation
import IntrayCore
import JobStore
import Outbox
import Service
import TestSupport
import Testing

private let aliasBomb: String = {
  var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
  for level in 1..<12 {
    text += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ") + "]\n"
  }
  return text + "data: {input: a.csv}\n"
}()

/// What is wrong, the dropped files, and how the reason begins.
private struct BadBatch: Sendable, CustomTestStringConvertible {
  let fault: String
  let spec: String
  let table: Data
  let reason: String
  var testDescription: String { fault }

  init(_ fault: String, spec: String = "run: echo\ndata: {input: a.csv}\n", table: String = "id\n1\n", reason: String) {
    self.init(fault, spec: spec, bytes: Data(table.utf8), reason: reason)
  }

  init(_ fault: String, spec: String = "run: echo\ndata: {input: a.csv}\n", bytes: Data, reason: String) {
    self.fault = fault
    self.spec = spec
    table = bytes
    self.reason = reason
  }
}

/// A runner that wants columns, and two that are broken.
private let plugins = Result {
  let folder = try TemporaryFolder(isSmall: true)
  for name in ["libEcho.so"] {
    try FileManager.default.copyItem(atPath: "\(Checkout.products)/\(name)", toPath: "\(folder.path)/\(name)")
  }
  let source = """
    #include <stdlib.h>
    #include "intray_plugin.h"
    static const char *describe(void) {
      return "{\\"name\\": \\"table\\", \\"version\\": \\"1\\", \\"summary\\": \\"\\", \\"parameters\\":"
             "{\\"type\\": \\"object\\", \\"properties\\": {}, \\"additionalProperties\\": false}, \\"data\\": {\\"input\\":"
             "{\\"required\\": true, \\"columns\\": [\\"text\\", \\"label\\"], \\"description\\": \\"rows\\"}}}";
    }
    static int32_t run(const intray_host *host, const intray_job *job, intray_error *error) { return INTRAY_OK; }
    static const intray_plugin plugin = {sizeof plugin, INTRAY_PLUGIN_ABI_MAJOR, INTRAY_PLUGIN_ABI_MINOR, describe, run};
    INTRAY_EXPORT const intray_plugin *intray_plugin_entry(void) { return &plugin; }
    """
  let table = try folder.write(source, to: "table.c")
  let bad = Checkout.fixture("plugins")
  for (source, name, file) in [
    (table, "table", "libTable.so"), ("\(bad)/wrong-major.c", "wrong-major", "libWrong-major.so"),
    ("\(bad)/segfault-in-run.c", "segfault-in-run", "libSegfault-in-run.so"),
  ] {
    let result = try Program("/usr/bin/env", in: folder.path).run([
      "cc", "-std=gnu11", "-shared", "-fPIC", "-DNAME=\"\(name)\"", "-I",
      "\(Checkout.root)/Sources/CIntrayPlugin/include", source, "-o", "\(folder.path)/\(file)",
    ])
    guard result.status == 0 else { throw IntrayError(.bug, "cc: \(result.errors)") }
  }
  return folder
}

@Suite(.fewAtATime) struct BadInputTests {
  private static let table = "run: table\ndata:\n  input: a.csv\n  columns: {text: title, label: class}\n"

  fileprivate static let batches = [
    BadBatch("truncated quote", table: "id,text\n1,\"never closed\n2,b\n", reason: "a.csv:2:"),
    BadBatch(
      "missing column", spec: table, table: "titel,class\nA,b\n",
      reason: "a.csv:1: no column 'title'; the header has titel, class; did you mean 'titel'?"),
    BadBatch("empty file", table: "", reason: "a.csv:"),
    BadBatch("not UTF-8", bytes: Data("id\n".utf8) + [0xE9, 0x0A], reason: "a.csv:2:"),
    BadBatch("NUL bytes", bytes: Data("id\n".utf8) + [0x41, 0x00, 0x0A], reason: "a.csv:2:"),
    BadBatch("10 MB field", table: "id\n" + String(repeating: "x", count: 10 << 20) + "\n", reason: "a.csv:2"),
    BadBatch(
      "wrong type", spec: "run: echo\ndata: {input: a.csv}\nwith: {repeat: many}\n", reason: "papers.yaml:3:16: "),
    BadBatch(
      "unknown key", spec: "run: echo\ndata: {input: a.csv}\nwith: {repeet: 2}\n",
      reason: "papers.yaml:3:8: unknown key 'repeet'"),
    BadBatch("broken YAML", spec: "run: echo\ndata: {input: a.csv\n", reason: "papers.yaml:"),
    BadBatch("alias bomb", spec: aliasBomb, reason: "papers.yaml:"),
    BadBatch(
      "missing plugin", spec: "run: ecko\ndata: {input: a.csv}\n",
      reason: "papers.yaml:1:6: unknown runner 'ecko'; did you mean 'echo'?"),
    BadBatch("another ABI", spec: "run: wrong-major\ndata: {input: a.csv}\n", reason: "/"),
    BadBatch(
      "crash", spec: "run: segfault-in-run\n", reason: "the plugin crashed: SIGSEGV (invalid memory access)"),
    BadBatch(
      "abort", spec: "run: echo\ndata: {input: a.csv}\nwith: {fail: crash}\n",
      reason: "the plugin crashed: SIGABRT (it gave up)"),
    BadBatch("plugin outside", spec: "run: ../evil\ndata: {input: a.csv}\n", reason: "papers.yaml:1:6: "),
    BadBatch("plugin by its path", spec: "run: /tmp/libEvil.so\ndata: {input: a.csv}\n", reason: "papers.yaml:1:6: "),
    BadBatch("absolute path", spec: "run: echo\ndata: {input: /etc/passwd}\n", reason: "papers.yaml:2:15: "),
    BadBatch("path out of the inbox", spec: "run: echo\ndata: {input: ../a.csv}\n", reason: "papers.yaml:2:15: "),
  ]

  @Test(arguments: batches) fileprivate func `bad input is rejected whole, with where and what to do`(
    bad: BadBatch
  ) async throws {
    let daemon = try await DaemonProcess("plugins: \(plugins.get().path)\nwait: 500ms").start()
    try daemon.drop("papers.yaml", Data(bad.spec.utf8))
    try daemon.drop("a.csv", bad.table)
    let reason = try await daemon.waitForRejection()
    // Only what may be printed: some of the tables are large.
    let expected = bad.reason
    #expect(reason.hasPrefix(expected), "\(reason)")
    #expect(reason.contains("intray retry papers\n"))
    if bad.fault == "another ABI" { #expect(reason.contains("abi_major")) }
    if bad.fault == "crash" { #expect(reason.contains("its last lines were: about to crash")) }
    // Nothing is lost: spec and table are in one rejected folder, or each in its own.
    try await daemon.wait("the inbox is empty") { try Files.list(daemon.inbox) == [] }
    try await daemon.expectTidy()
    let isSpecKept = try Files.read("\(daemon.state.rejected)/papers/input/papers.yaml") == Data(bad.spec.utf8)
    #expect(isSpecKept)
    let places = ["papers", "a"].map { "\(daemon.state.rejected)/\($0)/input/a.csv" }
    let kept = try #require(try places.first { try Files.status($0) != nil })
    let isTableKept = try Files.read(kept) == bad.table
    #expect(isTableKept)
    // The daemon goes on.
    try daemon.dropEcho("good")
    try daemon.expectWhole(try await daemon.waitForResult("good"))
    #expect(try await daemon.stop() == 0)
  }

  @Test func `links, pipes and folders in folders are refused and kept as they are`() async throws {
    let daemon = try await DaemonProcess().start()
    try FileManager.default.createSymbolicLink(atPath: "\(daemon.inbox)/link.csv", withDestinationPath: "/etc/passwd")
    #expect(mkfifo("\(daemon.inbox)/pipe.csv", 0o600) == 0)
    try daemon.folder.write("run: echo\ndata: {input: a.csv}\n", to: "aside/papers.yaml")
    try daemon.folder.write("x", to: "aside/inner/a.csv")
    try Files.rename("\(daemon.folder.path)/aside", to: "\(daemon.inbox)/nested")
    #expect(try await daemon.waitForRejection("link").hasPrefix("link.csv: a symbolic link is not followed"))
    #expect(try await daemon.waitForRejection("pipe").hasPrefix("pipe.csv: neither a regular file nor a folder"))
    #expect(try await daemon.waitForRejection("nested").hasPrefix("nested/inner: a folder in a batch"))
    #expect(try Files.status("\(daemon.state.rejected)/link/input/link.csv")?.kind == .symlink)
    #expect(try Files.status("\(daemon.state.rejected)/pipe/input/pipe.csv")?.kind == .other)
    #expect(try Files.list("\(daemon.state.rejected)/nested/input") == ["inner", "papers.yaml"])
    try await daemon.expectTidy()
  }

  @Test func `a file with another name is refused: who holds that one could change it`() async throws {
    let daemon = try await DaemonProcess().start()
    let other = try daemon.folder.write("id\n1\n", to: "other.csv")
    try daemon.folder.write("run: echo\ndata: {input: a.csv}\n", to: "aside/papers.yaml")
    try FileManager.default.linkItem(atPath: other, toPath: "\(daemon.folder.path)/aside/a.csv")
    try Files.rename("\(daemon.folder.path)/aside", to: "\(daemon.inbox)/papers")
    let reason = try await daemon.waitForRejection()
    #expect(reason.hasPrefix("a.csv: the file has 2 names (hard links); drop a copy of it"), "\(reason)")
    try await daemon.expectTidy()
  }

  @Test func `sockets and device files are refused and kept as they are`() async throws {
    let daemon = try await DaemonProcess().start()
    #expect(mknod("\(daemon.inbox)/socket.csv", S_IFSOCK | 0o600, 0) == 0)
    // The null device; making one needs root.
    let isDevice = mknod("\(daemon.inbox)/device.csv", S_IFCHR | 0o600, 1 << 8 | 3) == 0
    for name in ["socket"] + (isDevice ? ["device"] : []) {
      let reason = try await daemon.waitForRejection(name)
      #expect(reason.hasPrefix("\(name).csv: neither a regular file nor a folder"), "\(reason)")
      #expect(try Files.status("\(daemon.state.rejected)/\(name)/input/\(name).csv")?.kind == .other)
    }
  }

  @Test func `a name that is not UTF-8 is told about, and refused in a folder`() async throws {
    let daemon = try await DaemonProcess().start()
    func make(_ folder: String) {
      let path = Array("\(folder)/caf".utf8CString.dropLast()) + [CChar(bitPattern: 0xE9), 0]
      #expect(close(open(path, O_CREAT | O_WRONLY, 0o600)) == 0)
    }
    make(daemon.inbox)
    try await daemon.wait("it says so") { daemon.said.contains("caf\u{fffd} stays where it is: its name is not UTF-8") }
    try daemon.folder.write("run: echo\ndata: {input: a.csv}\n", to: "aside/papers.yaml")
    try daemon.folder.write("id\n1\n", to: "aside/a.csv")
    make("\(daemon.folder.path)/aside")
    try Files.rename("\(daemon.folder.path)/aside", to: "\(daemon.inbox)/papers")
    let reason = try await daemon.waitForRejection()
    #expect(reason.hasPrefix("papers.yaml: the name 'caf\u{fffd}' is not UTF-8; rename the file"), "\(reason)")
    #expect(daemon.said.split(separator: "stays where it is").count == 2)
    try await daemon.expectTidy()
  }

  @Test func `names with newlines and quotes stay in one folder and on one line`() async throws {
    let daemon = try await DaemonProcess("wait: 100ms").start()
    try daemon.drop("new\nline';ls.csv", Data("id\n1\n".utf8))
    let reason = try await daemon.waitForRejection("new_line';ls")
    #expect(reason.contains("intray retry 'new_line'\\'';ls'\n"), "\(reason)")
    try daemon.folder.write("run: echo\ndata: {input: a.csv}\n", to: "aside/papers.yaml")
    try daemon.folder.write("id\n1\n", to: "aside/a.csv")
    try Files.rename("\(daemon.folder.path)/aside", to: "\(daemon.inbox)/two\nlines")
    try daemon.expectWhole(try await daemon.waitForResult())
    try await daemon.expectAgreement()
  }

  @Test func `a file that is changed after the check makes no result`() async throws {
    let daemon = try await DaemonProcess("settle: 10ms").start()
    // Somebody who had the file open before the daemon took it.
    let table = try daemon.folder.write("id\n1\n", to: "aside.csv")
    let handle = try #require(FileHandle(forWritingAtPath: table))
    try Files.rename(table, to: "\(daemon.inbox)/papers.csv")
    try daemon.drop([
      ("papers.yaml", "run: echo\ndata: {input: papers.csv}\nwith: {repeat: 100, delay_ms: 100}\n")
    ])
    try await daemon.waitForState(.running)
    try handle.write(contentsOf: Data("id\n2\n".utf8))
    try handle.close()
    let reason = try await daemon.waitForRejection()
    #expect(reason.hasPrefix("papers.csv: was changed after it was checked"), "\(reason)")
    #expect(try Files.list(daemon.outbox) == [])
    try await daemon.expectTidy()
    try await daemon.expectAgreement()
  }

  @Test func `a rejected batch that a person corrects runs after a retry`() async throws {
    let daemon = try await DaemonProcess().start()
    try daemon.drop([("papers.yaml", "run: ecko\ndata: {input: a.csv}\n"), ("a.csv", "id\n1\n")])
    _ = try await daemon.waitForRejection()
    try daemon.folder.write(
      "run: echo\ndata: {input: a.csv}\n", to: "state/rejected/papers/input/papers.yaml")
    try await daemon.wait("it is filed") { try daemon.job()?.folder != nil }
    let client = ControlClient(state: daemon.state)
    #expect(try client.request(.retry, job: "papers").contains("in the inbox again"))
    try daemon.expectWhole(try await daemon.waitForResult())
    #expect(try Files.list(daemon.state.rejected) == [])
    #expect(try JobStore(readOnly: daemon.state.store).jobs().count == 1)
  }

  /// The disk refuses the nth call of a kind and all later ones; once it is well again everything comes to its end.
  @Test(arguments: [
    "write:2+:ENOSPC", "fsync:5+:ENOSPC", "rename:3+:EIO", "rename:6+:ENOSPC", "mkdir:12+:ENOSPC", "open:40+:EIO",
    "unlink:6+:EIO",
  ]) func `a full disk neither ends the daemon nor loses a batch`(fault: String) async throws {
    let daemon = try DaemonProcess()
    try daemon.launch(environment: [FaultInjection.environmentVariable: "intrayd@\(fault)"])
    try daemon.dropEcho()
    // Far enough when it complains, or has done all that it can.
    try await daemon.wait("it complains") {
      daemon.said.contains("tried again") || daemon.said.contains("done:") || !daemon.isRunning
    }
    if daemon.isRunning {
      try await Task.sleep(for: .milliseconds(100))
      #expect(daemon.isRunning)
      daemon.kill()
    } else {
      // A disk that refuses already at the start is an error of the start, with its exit code.
      #expect(daemon.said.contains("critical"))
    }
    try await daemon.start()
    try daemon.expectWhole(try await daemon.waitForResult())
    try await daemon.waitForState(.done)
    try await daemon.expectTidy()
    #expect(try Files.list(daemon.inbox) == [])
    #expect(try Files.list(daemon.outbox) == ["papers"])
  }

  @Test func `an outbox that cannot be written keeps the result until it can`() async throws {
    let daemon = try await DaemonProcess("backoff: 100s").start()
    try Files.remove(daemon.outbox)
    try daemon.folder.write("no folder", to: "outbox")
    try daemon.dropEcho()
    try await daemon.wait("it says so") { daemon.said.contains("cannot be published") }
    let job = try #require(try daemon.job())
    #expect(job.state == .publishing)
    #expect("\(try #require(job.error))".contains(daemon.outbox))
    try Files.remove(daemon.outbox)
    #expect(try ControlClient(state: daemon.state).request(.retry, job: "papers").contains(job.id.rawValue))
    try daemon.expectWhole(try await daemon.waitForResult())
    try await daemon.waitForState(.done)
    try await daemon.expectTidy()
  }
}
