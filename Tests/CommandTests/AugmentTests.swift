import Foundation
import IntrayCore
import TestSupport
import Testing

/// Runner augment, loaded as it is installed.
@Suite struct AugmentTests {
  static let words = [
    "network", "learning", "graph", "fast", "method", "large", "paper", "image", "speech", "strong", "result", "the",
  ]
  static let labels = ["cs.LG", "cs.CV", "cs.CL"]

  /// Rows 1...count: title, abstract, label.
  static func rows(_ count: Int) -> [[String]] {
    (1...count).map { row in
      let text = (0..<30).map { words[(row * 7 + $0 * $0 * (row % 5 + 1)) % words.count] }.joined(separator: " ")
      return ["p\(row)", "A \(words[row % 11]) for \(words[row % 7])", "\(text), row \(row).", labels[row % 3]]
    }
  }

  static func csv(_ rows: [[String]]) -> String {
    "paperid,title,abstract,categories\n" + rows.map { $0.map { "\"\($0)\"" }.joined(separator: ",") + "\n" }.joined()
  }

  static let operations = """
      operations:
        - {name: deletion}
        - {name: swap}
        - {name: insertion}
        - {name: synonym, copies: 2}
    """

  private func place(_ table: String) throws -> Workplace {
    let place = try Workplace()
    try FileManager.default.copyItem(
      atPath: "\(Checkout.products)/libAugment.so", toPath: "\(place.path)/plugins/libAugment.so")
    try place.folder.write(table, to: "rows.csv")
    return place
  }

  /// Runs a job over `file` and gives the lines of augmented.csv; none of the tests' texts has a comma in its last four
  /// columns.
  private func augment(
    _ place: Workplace, _ with: String, file: String = "rows.csv", name: String = "job", threads: Int = 1
  ) throws -> [String] {
    try place.folder.write("plugins: plugins\nthreads: \(threads)\n", to: "intray.yaml")
    try place.folder.write(
      """
      name: \(name)
      run: augment
      data:
        input: \(file)
        columns: {id: paperid, text: [title, abstract], label: categories}
      with:
      \(with)
      """, to: "\(name).yaml")
    let result = try place.intray("run", "\(name).yaml")
    #expect(result.status == 0, "\(result.errors)")
    return try place.text("Outbox/\(name)/augmented.csv").split(separator: "\n").map(String.init)
  }

  @Test func `each row is followed by its copies, with their lineage and the row's label`() throws {
    let rows = Self.rows(40)
    let lines = try augment(place(Self.csv(rows)), Self.operations)
    #expect(lines[0] == "paperid,title,abstract,categories,parent_id,operation,edits,seed")
    #expect(lines.count == 1 + 40 * 6)
    for (index, row) in rows.enumerated() {
      let block = lines[(1 + index * 6)...].prefix(6).map { $0.split(separator: ",").map(String.init) }
      let copies = ["deletion-1", "swap-1", "insertion-1", "synonym-1", "synonym-2"]
      #expect(block.map { $0[0] } == [row[0]] + copies.map { "\(row[0])-\($0)" })
      for fields in block {
        #expect(Array(fields.suffix(5).prefix(2)) == [row[3], row[0]], "label and parent")
        #expect(fields.last == "42")
      }
      #expect(block.map { $0[$0.count - 3] } == ["original", "deletion", "swap", "insertion", "synonym", "synonym"])
      #expect(block.dropFirst().allSatisfy { (Int($0[$0.count - 2]) ?? 0) > 0 })
    }
  }

  @Test func `the bytes are the same at any number of threads, and a row's copies in any order of the rows`() throws {
    let rows = Self.rows(1200)
    let place = try place(Self.csv(rows))
    let one = try augment(place, Self.operations, name: "one")
    #expect(try augment(place, Self.operations, name: "three", threads: 3) == one)
    try place.folder.write(Self.csv(rows.reversed()), to: "reversed.csv")
    #expect(try augment(place, Self.operations, file: "reversed.csv", name: "reversed").sorted() == one.sorted())
  }

  @Test func `a copy of a copy keeps the first parent`() throws {
    let place = try place(Self.csv(Self.rows(10)))
    _ = try augment(place, Self.operations, name: "first")
    try FileManager.default.copyItem(
      atPath: "\(place.path)/Outbox/first/augmented.csv", toPath: "\(place.path)/again.csv")
    let lines = try augment(place, "  operations: [{name: swap}]", file: "again.csv", name: "second")
    #expect(lines[0] == "paperid,title,abstract,categories,parent_id,operation,edits,seed")
    #expect(lines.count == 1 + 10 * 12)
    for line in lines.dropFirst() {
      let fields = line.split(separator: ",")
      #expect(fields[0] == fields[fields.count - 4] || fields[0].hasPrefix(fields[fields.count - 4] + "-"))
    }
    #expect(lines.count { $0.hasSuffix(",original,0,42") } == 10)
    #expect(lines.count { $0.contains(",insertion,") } == 10, "what a copy came from stays")
  }

  @Test func `originals can be left out, and texts only be cleaned`() throws {
    let place = try place("paperid,title,abstract,categories\n1,\" A\n\n Title \",The   TEXT,x\n")
    #expect(
      try augment(place, "  clean: [whitespace, lowercase]", name: "clean").last
        == "1,a title,the text,x,1,original,0,42")
    let copies = try augment(place, "  originals: false\n  operations: [{name: swap}]", name: "copies")
    #expect(copies.count == 2 && copies[1].hasPrefix("1-swap-1,"))
  }

  @Test(arguments: [
    ("paperid,title,abstract,categories,seed\n1,a,b,c,d\n", "rows.csv:1: a column 'seed'"),
    ("paperid,title,abstract,categories\n1,a,b\n", "rows.csv:2: "),
    ("paperid,title,text,categories\n1,a,b,c\n", "rows.csv:1: no column 'abstract'"),
  ])
  func `a table that cannot be read is refused with its line`(table: String, message: String) throws {
    let place = try place(table)
    try place.folder.write(
      """
      run: augment
      data: {input: rows.csv, columns: {id: paperid, text: [title, abstract], label: categories}}
      with: {operations: [{name: swap}]}
      """, to: "job.yaml")
    let result = try place.intray("run", "job.yaml")
    #expect(result.status == IntrayError.Code.data.exitCode)
    #expect(result.errors.contains(message), "\(result.errors)")
  }

  @Test func `back-translation without a table says what is missing`() throws {
    let place = try place(Self.csv(Self.rows(2)))
    try place.folder.write(
      """
      run: augment
      data: {input: rows.csv, columns: {id: paperid, text: [title, abstract]}}
      with: {operations: [{name: backtranslation}]}
      """, to: "job.yaml")
    let result = try place.intray("run", "job.yaml")
    #expect(result.status == IntrayError.Code.spec.exitCode)
    #expect(result.errors.contains("data.translations"), "\(result.errors)")
  }
}
