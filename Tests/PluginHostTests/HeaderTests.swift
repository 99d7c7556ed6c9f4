import TestSupport
import Testing

@Suite("The ABI's header")
struct HeaderTests {
  private static let use = """
    #include "intray_plugin.h"
    static const char *describe(void) { return "{}"; }
    static int32_t run(const intray_host *host, const intray_job *job, intray_error *error) {
      (void)error;
      if (INTRAY_HAS_FIELD(host, intray_host, checkpoint_saved)) host->checkpoint_saved(host->context);
      return job->attempt > 1 ? INTRAY_STOPPED : INTRAY_OK;
    }
    INTRAY_EXPORT const intray_plugin *intray_plugin_entry(void);
    const intray_plugin *intray_plugin_entry(void) {
      static const intray_plugin table = {
        sizeof(intray_plugin), INTRAY_PLUGIN_ABI_MAJOR, INTRAY_PLUGIN_ABI_MINOR, describe, run, run};
      return &table;
    }
    """

  private func compile(_ compiler: String, _ standard: String, _ name: String, _ text: String) throws {
    let folder = try TemporaryFolder()
    let source = try folder.write(text, to: name)
    try Compiler.run(
      compiler,
      [
        "-std=\(standard)", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", Compiler.headers,
        source,
      ])
  }

  @Test("It can be included from C", arguments: ["c11", "c17"])
  func c(standard: String) throws {
    try compile(Compiler.find(["cc", "gcc", "clang"]), standard, "plugin.c", Self.use)
  }

  @Test("It can be included from C++", arguments: ["c++17", "c++20"])
  func cPlusPlus(standard: String) throws {
    let entry = Self.use.replacing("INTRAY_EXPORT", with: "extern \"C\" INTRAY_EXPORT")
    try compile(Compiler.find(["c++", "g++", "clang++"]), standard, "plugin.cpp", entry)
  }
}
