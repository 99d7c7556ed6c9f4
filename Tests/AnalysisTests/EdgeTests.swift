import Analysis
import Foundation
import IntrayCore
import TestSupport
import Tensors
import Testing

/// Files that are hardly data sets.
@Suite struct EdgeTests {
  let bench: Bench
  init() throws { bench = try Bench() }

  @Test func `a header without rows gives zeros and a warning`() throws {
    let figures = try bench.analyse(["train": [], "test": []], vocabulary: ["red"])
    let train = try #require(figures.files["train"])
    #expect(train.rows == 0 && train.together.words.mean == 0 && train.together.words.max == 0)
    #expect(train.labels?.classes.isEmpty == true && train.vocabulary.different == 0)
    #expect(train.truncation.allSatisfy { $0.shareCut == 0 && $0.shareLost == 0 })
    #expect(figures.leakage["test"]?.share == 0)
    #expect(figures.advice.contains(Advice(.warning, "train has no rows.")))
  }

  @Test func `one class is a warning`() throws {
    let figures = try bench.analyse(["train": [["1", "red", "a"], ["2", "green", "a"]]])
    #expect(figures.files["train"]?.labels?.majority?.share == 1)
    #expect(figures.advice.contains { $0.kind == .warning && $0.text.hasPrefix("All rows have the label 'a'") })
  }

  @Test func `unlabelled rows can be analysed, and rows without a label are counted`() throws {
    let unlabelled = try bench.analyse(["train": [["1", "red", "a"]]], columns: Columns(id: "id", text: ["text"]))
    #expect(unlabelled.files["train"]?.labels == nil)
    let some = try bench.analyse(["train": [["1", "red", "a"], ["2", "green", " "], ["3", "blue", ""]]])
    let labels = try #require(some.files["train"]?.labels)
    #expect(labels.missing == RowCount(rows: 2, lines: [3, 4]))
    #expect(labels.classes.map(\.rows) == [1] && labels.classes[0].share == 1)
  }

  @Test func `test may lack the label column, train may not`() throws {
    let train = try bench.write(["id", "text", "label"], [["1", "red", "a"]], to: "train.csv")
    let test = try bench.write(["id", "text"], [["1", "red"]], to: "test.csv")
    let columns = Columns(id: "id", text: ["text"], label: "label")
    let pool = ThreadPool(threads: 1)
    let figures = try DataSetAnalysis.run(files: ["train": train, "test": test], columns: columns, pool: pool)
    #expect(figures?.files["test"]?.labels == nil && figures?.leakage["test"]?.exact == 1)
    let error = #expect(throws: IntrayError.self) {
      _ = try DataSetAnalysis.run(files: ["train": test], columns: columns, pool: pool)
    }
    #expect(error?.description.hasPrefix("test.csv:1: no column 'label'") == true)
  }

  @Test func `a row of a megabyte is a row like any other`() throws {
    let words = (0..<120_000).map { "w\($0 % 5000)" }
    let figures = try bench.analyse(
      ["train": [["1", words.joined(separator: " "), "a"], ["2", String(repeating: "x", count: 900_000), "b"]]])
    let train = try #require(figures.files["train"])
    #expect(train.together.words.max == 120_000 && train.together.words.total == 120_001)
    #expect(train.vocabulary.different == 5001)
    #expect(AnalysisPage.text(figures, title: "long").utf8.count < 200_000)
  }

  @Test func `a broken table and too many labels are errors with the line`() throws {
    let path = try bench.folder.write("id,text,label\n1,red,a\n2,green\n", to: "broken.csv")
    let columns = Columns(id: "id", text: ["text"], label: "label")
    let pool = ThreadPool(threads: 1)
    let broken = #expect(throws: IntrayError.self) {
      _ = try DataSetAnalysis.run(files: ["train": path], columns: columns, pool: pool)
    }
    #expect(broken?.description.hasPrefix("broken.csv:3: ") == true)
    let many = try bench.write(
      ["id", "text", "label"], (1...4097).map { ["\($0)", "red", "label \($0)"] }, to: "many.csv")
    let error = #expect(throws: IntrayError.self) {
      _ = try DataSetAnalysis.run(files: ["train": many], columns: columns, pool: pool)
    }
    #expect(error?.description.hasPrefix("many.csv:4098: more than 4096 different labels") == true)
  }

  @Test func `three text columns are refused`() throws {
    let path = try bench.write(["a", "b", "c"], [["1", "2", "3"]], to: "t.csv")
    let error = #expect(throws: IntrayError.self) {
      _ = try DataSetAnalysis.run(
        files: ["train": path], columns: Columns(text: ["a", "b", "c"]), pool: ThreadPool(threads: 1))
    }
    #expect(error?.code == .spec)
  }

  @Test func `it reports what is done, and ends when it is asked to`() throws {
    let path = try bench.write(["id", "text", "label"], Bench.rows(5000, seed: 4), to: "train.csv")
    let columns = Columns(id: "id", text: ["text"], label: "label")
    var reports: [(done: Double, total: Double)] = []
    let whole = try DataSetAnalysis.run(
      files: ["train": path], columns: columns, pool: ThreadPool(threads: 2),
      goesOn: { done, total in
        reports.append((done, total))
        return true
      })
    #expect(whole != nil)
    #expect(reports.count > 3 && reports.last.map { $0.done == $0.total } == true)
    #expect(zip(reports, reports.dropFirst()).allSatisfy { $0.done <= $1.done && $1.done <= $1.total })
    for stop in 1..<reports.count {
      var calls = 0
      let stopped = try DataSetAnalysis.run(
        files: ["train": path], columns: columns, pool: ThreadPool(threads: 2),
        goesOn: { _, _ in
          calls += 1
          return calls < stop
        })
      #expect(stopped == nil && calls == stop)
    }
  }

  @Test func `an estimate counts the rows, and fails as the analysis does`() throws {
    let columns = Columns(id: "id", text: ["text"], label: "label")
    let train = try bench.write(["id", "text", "label"], Bench.rows(3000, seed: 4), to: "train.csv")
    let estimate = try #require(
      try AnalysisEstimate(files: ["train": train], columns: columns, tokenizer: nil, threads: 2, goesOn: { true }))
    #expect(estimate.rows == ["train": 3000])
    #expect(estimate.seconds > 0 && estimate.memoryParts.values.allSatisfy { $0 > 0 })
    #expect(
      try AnalysisEstimate(files: ["train": train], columns: columns, tokenizer: nil, threads: 2, goesOn: { false })
        == nil)
    let broken = try bench.folder.write("id,text,label\n1,red\n", to: "broken.csv")
    let error = #expect(throws: IntrayError.self) {
      _ = try AnalysisEstimate(files: ["train": broken], columns: columns, tokenizer: nil, threads: 1, goesOn: { true })
    }
    #expect(error?.description.hasPrefix("broken.csv:2: ") == true)
  }
}
