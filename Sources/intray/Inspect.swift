import ArgumentParser
import IntrayCore
import Tables

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how a CSV or TSV file is read: delimiter, header, rows, faults with their lines.",
    discussion: "Exit code 65 when the file has faults: a job that reads it would fail at the first.")

  @Argument(help: "The file.", completion: .file())
  var file: String
  @Option(help: ArgumentHelp("How many rows to show.", valueName: "n"))
  var rows = 5
  @OptionGroup var format: FormatOption

  func validate() throws {
    guard (0...100_000).contains(rows) else { throw ValidationError("--rows must be from 0 to 100000") }
  }

  func run() throws {
    let table = try TableInspection(file, rows: rows)
    if format.json { try Output.json(table) } else { show(table) }
    if table.problemCount > 0 { throw ExitCode(IntrayError.Code.data.exitCode) }
  }

  private func show(_ table: TableInspection) {
    Output.pairs([
      ("file", table.file), ("size", Output.size(table.bytes)), ("delimiter", table.delimiter),
      ("encoding", table.encoding), ("line ending", table.lineEnding),
      ("columns", table.header.joined(separator: ", ")), ("rows", "\(table.rowCount)"),
    ])
    if !table.rows.isEmpty {
      print()
      Output.table(table.header.map(clipped), table.rows.map { $0.map(clipped) })
    }
    if table.problemCount > 0 {
      print("\n\(table.problemCount) \(table.problemCount == 1 ? "fault" : "faults"):")
      for problem in table.problems { print("  \(Output.visible(problem.message))") }
      let rest = table.problemCount - table.problems.count
      if rest > 0 { print("  and \(rest) more") }
    }
  }

  private func clipped(_ text: String) -> String {
    text.count <= 40 ? text : "\(text.prefix(39))…"
  }
}
