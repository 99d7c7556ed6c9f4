import IntrayCore
import TestSupport
import Testing
import Training

@Suite struct TextRowsTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  @Test func rowsWithoutAnIdColumnAreNumbered() throws {
    let path = try folder.write("text,label\nhello,a\nworld,b\n", to: "train.csv")
    let rows = try TextRows(path, columns: Columns(text: ["text"], label: "label"), labels: .required)
    #expect(try rows.next() == TextRow(line: 2, id: "1", first: "hello", second: nil, label: "a"))
    #expect(try rows.next()?.id == "2")
    #expect(try rows.next() == nil)
  }

  @Test func anEmptyLabelIsAnErrorWithItsLine() throws {
    let path = try folder.write("text,label\nhello,a\n\"two\nlines\",\n", to: "train.csv")
    let rows = try TextRows(path, columns: Columns(text: ["text"], label: "label"), labels: .required)
    _ = try rows.next()
    let error = #expect(throws: IntrayError.self) { _ = try rows.next() }
    #expect(error?.description == "train.csv:3: the label is empty; give the row a label or remove it")
  }

  @Test func aMissingColumnIsNamedWithTheNearest() throws {
    let path = try folder.write("title,abstrct,label\na,b,c\n", to: "train.csv")
    let error = #expect(throws: IntrayError.self) {
      _ = try TextRows(path, columns: Columns(text: ["title", "abstract"], label: "label"), labels: .required)
    }
    #expect(error?.description.contains("train.csv:1") == true)
    #expect(error?.description.contains("abstrct") == true)
  }

  @Test func threeTextColumnsAreRefused() throws {
    let path = try folder.write("a,b,c\n1,2,3\n", to: "t.csv")
    #expect(throws: IntrayError.self) {
      _ = try TextRows(path, columns: Columns(text: ["a", "b", "c"]), labels: .optional)
    }
  }

  @Test func labelsAreNumberedByFirstAppearance() throws {
    var labels = LabelSet()
    #expect(try labels.enter("b", file: "t", line: 2) == 0)
    #expect(try labels.enter("a", file: "t", line: 3) == 1)
    #expect(try labels.enter("b", file: "t", line: 4) == 0)
    let known = labels
    let error = #expect(throws: IntrayError.self) { _ = try known.index(of: "bb", file: "new.csv", line: 9) }
    #expect(error?.description == "new.csv:9: label 'bb' is unknown to the model; did you mean 'b'?")
  }
}
