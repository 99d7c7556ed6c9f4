import Foundation
import TestSupport
import Testing

@Suite struct ExampleDataTests {
  static let files = ["train.csv", "new.csv", "answers.csv"]

  private struct Inspection: Decodable {
    var header: [String]
    var rows: [[String]]
    var problemCount: Int
  }

  private func inspect(_ file: String) throws -> Inspection {
    try Program(in: "\(Checkout.root)/Inbox/examples")("inspect", file, "--rows", "1000", "--json").json()
  }

  @Test func `the generator makes the committed files, byte for byte`() throws {
    let folder = try TemporaryFolder()
    let result = try Program("\(Checkout.root)/scripts/make-examples", in: Checkout.root)(folder.path)
    #expect(result.status == 0, "\(result.errors)")
    for file in Self.files {
      let made = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(file)"))
      let committed = try Data(contentsOf: URL(fileURLWithPath: "\(Checkout.root)/Inbox/examples/\(file)"))
      #expect(made == committed, "\(file): make example-data")
    }
  }

  @Test func `400 papers are labelled in eight categories and 100 are not`() throws {
    let train = try inspect("train.csv")
    let new = try inspect("new.csv")
    let answers = try inspect("answers.csv")
    #expect(train.problemCount + new.problemCount + answers.problemCount == 0)
    #expect(train.rows.count == 400)
    #expect(new.rows.count == 100)
    #expect(new.header == ["paperid", "title", "abstract"])
    #expect(new.rows.map { $0[0] } == answers.rows.map { $0[0] })
    let categories = Set(train.rows.map { $0[3] })
    #expect(categories.count == 8)
    #expect(Set(answers.rows.map { $0[1] }) == categories)
    #expect(Set((train.rows + new.rows).map { $0[2] }).count == 500, "every abstract is another")
  }

  @Test func `the papers have what makes CSV hard`() throws {
    let texts = try inspect("train.csv").rows.map { $0[2] }
    #expect(texts.contains { $0.contains("\n") })
    #expect(texts.contains { $0.contains("\"") })
    #expect(texts.contains { $0.contains(",") })
    #expect(texts.contains { !$0.utf8.allSatisfy { $0 < 128 } })
  }

  /// Multinomial naive Bayes with add-one smoothing: what counting words reaches.
  @Test func `counting words is not enough`() throws {
    func words(_ row: [String]) -> [String] {
      "\(row[1]) \(row[2])".lowercased().split { !$0.isLetter }.map(String.init)
    }
    let train = try inspect("train.csv").rows
    let new = try inspect("new.csv").rows
    let answers = try inspect("answers.csv").rows.map { $0[1] }
    var counts: [String: [String: Double]] = [:]
    for row in train { for word in words(row) { counts[row[3], default: [:]][word, default: 0] += 1 } }
    let vocabulary = Double(Set(counts.values.flatMap(\.keys)).count)
    let totals = counts.mapValues { $0.values.reduce(0, +) }
    let papers = Dictionary(grouping: train) { $0[3] }.mapValues { Double($0.count) }
    func score(_ words: [String], _ label: String) -> Double {
      words.reduce(log(papers[label] ?? 1)) { sum, word in
        sum + log(((counts[label]?[word] ?? 0) + 1) / ((totals[label] ?? 0) + vocabulary))
      }
    }
    let guesses = new.map { row in
      let words = words(row)
      return counts.keys.sorted().max { score(words, $0) < score(words, $1) } ?? ""
    }
    let accuracy = Double(zip(guesses, answers).count { $0 == $1 }) / Double(answers.count)
    #expect(accuracy > 0.6, "the papers' words say something about their field: \(accuracy)")
    #expect(accuracy < 0.95, "\(accuracy)")
  }
}
