import CLibCSV
import IntrayCore

/// The only place that knows libcsv: bytes in, one record's fields out.
///
/// (1) A record ends at the first unquoted line end that is fed; the caller takes it before it feeds more.
/// (2) Fields are kept as they are: spaces stay, quotes go.
/// (3) What goes beyond the limits is counted, but not kept.
final class RecordParser {
  private(set) var bytes: [UInt8] = []
  private(set) var ends: [Int] = []
  /// Fields of the record so far, also those that are not kept.
  private(set) var fieldCount = 0
  private(set) var longestField = 0
  private(set) var recordBytes = 0
  private(set) var isComplete = false

  private let limits: TableLimits
  private let delimiter: UInt8
  /// On the heap: its address goes to C.
  private let parser = UnsafeMutablePointer<csv_parser>.allocate(capacity: 1)

  init(delimiter: UInt8, limits: TableLimits) {
    self.limits = limits
    self.delimiter = delimiter
    start()
  }

  deinit {
    csv_free(parser)
    parser.deallocate()
  }

  private func start() {
    csv_init(parser, UInt8(CSV_STRICT | CSV_STRICT_FINI))
    csv_set_delim(parser, delimiter)
    // libcsv trims what this function calls a space (RFC 4180, 2.4: "Spaces are considered part of a field").
    csv_set_space_func(parser) { _ in 0 }
    // It grows the buffer of a field by so much at a time.
    csv_set_blk_size(parser, 1 << 14)
  }

  /// Forgets a record that is broken, with the state that it left behind.
  func reset() {
    csv_free(parser)
    start()
    beginRecord()
  }

  func beginRecord() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    (fieldCount, longestField, recordBytes, isComplete) = (0, 0, 0, false)
  }

  // libcsv's states (libcsv.c): 0 ROW_NOT_BEGUN, 1 FIELD_NOT_BEGUN, 2 FIELD_BEGUN, 3 FIELD_MIGHT_HAVE_ENDED.
  var isAtRecordStart: Bool { parser.pointee.pstate == 0 }
  /// Within quotes that are not closed yet.
  var isInsideQuotes: Bool { parser.pointee.pstate == 2 && isQuoted }
  /// Whether the field that is being read began with a quote.
  var isQuoted: Bool { parser.pointee.quoted != 0 }
  /// Bytes of the field that is being read.
  var pendingBytes: Int { isAtRecordStart ? 0 : parser.pointee.entry_pos }

  /// - Returns: The offset of the byte that no CSV may have there, nil when all were taken.
  func feed(_ piece: UnsafeRawBufferPointer) throws -> Int? {
    let taken = csv_parse(parser, piece.baseAddress, piece.count, fieldEnds, recordEnds, context)
    if taken == piece.count { return nil }
    try checkMemory()
    return taken
  }

  /// Ends the last record of a file that does not end with a line end.
  func finish() throws {
    _ = csv_fini(parser, fieldEnds, recordEnds, context)
    try checkMemory()
  }

  private func checkMemory() throws {
    guard csv_error(parser) == CSV_EPARSE || csv_error(parser) == CSV_SUCCESS else {
      throw IntrayError(.system, "no memory for a CSV record", isTransient: true)
    }
  }

  private var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  private func append(_ field: UnsafeRawBufferPointer) {
    fieldCount += 1
    recordBytes += field.count
    longestField = max(longestField, field.count)
    guard fieldCount <= limits.maxColumns, recordBytes <= limits.maxRowBytes, field.count <= limits.maxFieldBytes else {
      return
    }
    bytes.append(contentsOf: field)
    ends.append(bytes.count)
  }

  private let fieldEnds: @convention(c) (UnsafeMutableRawPointer?, Int, UnsafeMutableRawPointer?) -> Void = {
    start, count, context in
    guard let context else { return }
    Unmanaged<RecordParser>.fromOpaque(context).takeUnretainedValue()
      .append(UnsafeRawBufferPointer(start: start, count: count))
  }

  private let recordEnds: @convention(c) (Int32, UnsafeMutableRawPointer?) -> Void = { _, context in
    guard let context else { return }
    Unmanaged<RecordParser>.fromOpaque(context).takeUnretainedValue().isComplete = true
  }
}
