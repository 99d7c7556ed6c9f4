/// "did you mean": the known word that is nearest to what was written.
public enum Suggestion {
  // Names may come from a file that somebody made to cost time: a header of 100 MB full of them.
  private static let longestWord = 64
  private static let mostCandidates = 1000

  /// The candidate with the smallest edit distance to `word` (case ignored), if it is near enough to be a typing slip:
  /// at most a third of the longer word's length, and at least one edit.
  public static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let typed = Array(word.lowercased())
    var best: (name: String, distance: Int)?
    for candidate in candidates.prefix(mostCandidates) {
      let known = Array(candidate.lowercased())
      let distance = editDistance(typed, known)
      guard distance <= max(1, max(typed.count, known.count) / 3) else { continue }
      if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
    }
    return best?.name
  }

  /// `did you mean 'epochs'?`, or `known are a, b, c` when nothing is near.
  public static func hint(for word: String, among candidates: some Sequence<String>) -> String {
    if let name = nearest(to: word, among: candidates) { return "did you mean '\(name)'?" }
    let known = candidates.sorted()
    return known.isEmpty ? "none is known" : "known: \(known.joined(separator: ", "))"
  }

  /// Damerau's distance (insert, delete, replace, swap of neighbours), restricted form.
  static func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    // A word of this length is no slip of the keyboard, and the table below is quadratic.
    guard a.count <= longestWord, b.count <= longestWord else { return max(a.count, b.count) }
    var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
    for i in 0...a.count { rows[i][0] = i }
    for j in 0...b.count { rows[0][j] = j }
    for i in 1...a.count {
      for j in 1...b.count {
        let cost = a[i - 1] == b[j - 1] ? 0 : 1
        rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
        }
      }
    }
    return rows[a.count][b.count]
  }
}
