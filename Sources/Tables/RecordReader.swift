import FileKit
import IntrayCore

/// The records of a file, the header being one of them, checked for everything but the meaning of the header.
///
/// (1) A fault is thrown with the line where the person has to look: of the record's first byte, of the open quote, or of
///     the byte itself.
/// (2) After a fault `next` goes on behind the broken record, at the next line at the latest; after a failed read it
///     throws the same error again.
final class RecordReader {
  enum LineEnding: String {
    case lf = "LF"
    case crlf = "CRLF"
    case cr = "CR"
  }

  let name: String
  let delimiter: UInt8
  let hasByteOrderMark: Bool
  private(set) var lineEndings: Set<LineEnding> = []
  /// Fields that every record must have: as many as the first one.
  private(set) var columns: Int?

  private let limits: TableLimits
  private let lines: LineReader
  private let parser: RecordParser
  private var failure: IntrayError?
  private var isFinished = false
  /// Whether the rest of a broken line is to be passed by.
  private var skipsLine = false

  init(_ path: String, name: String, limits: TableLimits) throws {
    self.name = name
    self.limits = limits
    lines = try LineReader(FileReader(path))
    hasByteOrderMark = lines.skip(prefix: [0xEF, 0xBB, 0xBF])
    if lines.skip(prefix: [0xFF, 0xFE]) || lines.skip(prefix: [0xFE, 0xFF]) {
      throw IntrayError(.data, "this is UTF-16", at: .init(name, line: 1), hint: "save the file as UTF-8")
    }
    delimiter = DelimiterDetection.delimiter(of: lines.sample, isAll: lines.sampleIsAll)
    parser = RecordParser(delimiter: delimiter, limits: limits)
  }

  /// The next record; nil at the end.
  func next() throws -> Row? {
    if let failure { throw failure }
    do {
      return try read()
    } catch let error as IntrayError where error.code != .data {
      failure = error
      throw error
    }
  }

  private func read() throws -> Row? {
    var (line, lastLine, quoteLine) = (0, 0, 0)
    var fault: IntrayError?
    parser.beginRecord()
    while let piece = try nextPiece() {
      if parser.isAtRecordStart {
        line = piece.line
        // libcsv passes blank lines by. In a table of one column a blank line is an empty field.
        if piece.bytes.count == piece.terminatorLength, columns ?? 1 == 1 {
          columns = 1
          return Row(line: line, bytes: [], ends: [0])
        }
      }
      lastLine = piece.line
      if let offset = piece.badOffset, fault == nil { fault = notText(piece, offset) }
      let (wasQuoted, fields) = (parser.isInsideQuotes, parser.fieldCount)
      if let offset = try parser.feed(piece.bytes) {
        throw abandon(piece, fault ?? strayQuote(piece, offset, quoteLine))
      }
      if parser.isInsideQuotes, !(wasQuoted && fields == parser.fieldCount) { quoteLine = piece.line }
      if let error = limitError(parser.isInsideQuotes ? quoteLine : line) { throw abandon(piece, fault ?? error) }
      if parser.isComplete {
        if let fault { throw fault }
        return try row(line, lastLine)
      }
    }
    return try readEnd(line, lastLine, quoteLine, fault)
  }

  private func readEnd(_ line: Int, _ lastLine: Int, _ quoteLine: Int, _ fault: IntrayError?) throws -> Row? {
    if isFinished { return nil }
    isFinished = true
    if parser.isAtRecordStart { return nil }
    if parser.isInsideQuotes {
      throw fault
        ?? error("the quote that opens here is never closed", quoteLine, hint: "close it, or double it if it is text")
    }
    try parser.finish()
    if let fault = fault ?? limitError(line) { throw fault }
    return try row(line, lastLine)
  }

  private func nextPiece() throws -> LineReader.Piece? {
    while let piece = try lines.next() {
      note(piece)
      if !skipsLine { return piece }
      skipsLine = !piece.endsLine
    }
    return nil
  }

  private func note(_ piece: LineReader.Piece) {
    guard piece.endsLine else { return }
    switch (piece.terminatorLength, piece.bytes.last) {
    case (2, _): lineEndings.insert(.crlf)
    case (1, UInt8(ascii: "\n")): lineEndings.insert(.lf)
    case (1, _): lineEndings.insert(.cr)
    default: break
    }
  }

  private func row(_ line: Int, _ lastLine: Int) throws -> Row {
    let expected = columns ?? parser.fieldCount
    columns = expected
    guard parser.fieldCount == expected else {
      throw error(
        "\(parser.fieldCount) field\(parser.fieldCount == 1 ? "" : "s") where the header has \(expected)", line,
        hint: lastLine > line ? "the row goes on to line \(lastLine): is a quote not closed?" : nil)
    }
    return Row(line: line, bytes: parser.bytes, ends: parser.ends)
  }

  /// Gives the record up and goes on at the next line.
  private func abandon(_ piece: LineReader.Piece, _ error: IntrayError) -> IntrayError {
    parser.reset()
    skipsLine = !piece.endsLine
    return error
  }

  private func limitError(_ line: Int) -> IntrayError? {
    if max(parser.longestField, parser.pendingBytes) > limits.maxFieldBytes {
      return error(
        "a field of this row is longer than the limit of \(limits.maxFieldBytes) bytes", line,
        hint: "is a quote not closed?")
    }
    if parser.fieldCount > limits.maxColumns {
      return error("more fields than the limit of \(limits.maxColumns)", line)
    }
    if parser.recordBytes > limits.maxRowBytes {
      return error("the row is longer than the limit of \(limits.maxRowBytes) bytes", line)
    }
    return nil
  }

  private func notText(_ piece: LineReader.Piece, _ offset: Int) -> IntrayError {
    let column = piece.column(at: offset)
    if piece.bytes[offset] == 0 {
      return error("a NUL byte: this is no text", piece.line, column: column)
    }
    return error("not UTF-8", piece.line, column: column, hint: "save the file as UTF-8")
  }

  private func strayQuote(_ piece: LineReader.Piece, _ offset: Int, _ quoteLine: Int) -> IntrayError {
    let column = piece.column(at: offset)
    guard parser.isQuoted else {
      return error(
        "a quote inside a field that does not begin with one", piece.line, column: column,
        hint: "put the whole field in quotes and double the quote")
    }
    let began = quoteLine != 0 && quoteLine < piece.line ? " (its opening quote is on line \(quoteLine))" : ""
    return error(
      "text after the closing quote of a field\(began)", piece.line, column: column,
      hint: "a quote that is part of the text must be doubled")
  }

  private func error(_ message: String, _ line: Int, column: Int? = nil, hint: String? = nil) -> IntrayError {
    IntrayError(.data, message, at: .init(name, line: line, column: column), hint: hint)
  }
}
