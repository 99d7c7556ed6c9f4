import FileKit
import Foundation
import IntrayCore
import SpecFile

/// Watches over what lies in the inbox, and says which files make a complete batch.
///
/// (1) A file counts once it was closed after writing or moved in, and has not changed for the settle time. One that was
///     created and never seen to be closed (a hard link, lost events) counts after ten settle times, at least a minute.
///     A folder that is moved in, and so comes in one step with all that is in it, counts at once.
/// (2) A spec waits for the files that it names; what no spec names and no route matches waits for a spec. Both are
///     refused after `wait`.
/// (3) A file that several specs in the inbox name goes to the first one as a copy, and stays for the others.
/// (4) A folder that holds `.intray-ignore` is left alone.
/// (5) Nothing is changed or moved here, and nothing but specs is read: `Claims` does the rest.
///
/// It keeps no clock and no descriptor: the owner tells it the time and the events.
public final class Inbox {
  public typealias Instant = ContinuousClock.Instant

  public struct Rules: Sendable {
    public var settle: Duration
    public var wait: Duration
    public var routes: [Route]

    public init(settle: Duration = .seconds(1), wait: Duration = .seconds(3600), routes: [Route] = []) {
      self.settle = settle
      self.wait = wait
      self.routes = routes
    }
  }

  /// What one look found.
  public struct Findings: Sendable {
    public var ready: [Batch] = []
    /// What has begun to wait, one sentence each; each is told once.
    public var notices: [String] = []
    /// When to look again if no event comes before.
    public var next: Instant?
  }

  public let folder: String
  public var rules: Rules
  private var seen: [String: Seen] = [:]
  /// Files that were created and not closed so far, by their path below the inbox.
  private var open: Set<String> = []
  /// Folders that came by one rename, by their name.
  private var movedIn: Set<String> = []
  /// Names that are not UTF-8, and those that were told about.
  private var unreachable: (present: Set<String>, told: Set<String>) = ([], [])

  public init(folder: String, rules: Rules) {
    self.folder = folder
    self.rules = rules
  }

  /// Takes note of an event in the inbox or in a folder in it.
  ///
  /// - Returns: the folder that has appeared and should be watched too.
  public func note(_ event: FolderEvent) -> String? {
    let path = "\(event.folder)/\(event.name)"
    switch event.kind {
    case .closedAfterWrite: open.remove(path)
    case .movedIn, .created:
      if event.isFolder {
        guard event.folder == folder else { return nil }
        if event.kind == .movedIn { movedIn.insert(event.name) }
        return path
      }
      if event.kind == .created { open.insert(path) } else { open.remove(path) }
    case .folderGone, .overflow: break
    }
    return nil
  }

  /// Lists the inbox.
  ///
  /// - Throws: `IntrayError(.system)` when the inbox itself cannot be listed.
  public func look(at now: Instant) throws -> Findings {
    let present = try update(at: now)
    var findings = Findings()
    var look = Look(inbox: self, now: now, present: present, findings: findings)
    look.sort()
    findings = look.findings
    for name in unreachable.present.subtracting(unreachable.told).sorted() {
      findings.notices.append("\(name) stays where it is: its name is not UTF-8; rename it")
    }
    unreachable.told = unreachable.present
    return findings
  }

  // MARK: - What was seen

  fileprivate struct Seen {
    var content: Content
    /// When it was first seen, and when it was last seen to have changed.
    var since: Instant
    var changed: Instant
    /// A spec's names, or its text when it cannot be read as a spec.
    var reading: Reading?
    /// What it was said to be waiting for.
    var noticed: String?
  }

  fileprivate enum Content: Equatable {
    case file(FileStatus)
    case other(FileStatus)
    /// A folder's entries by name; nil stands for something that is gone again.
    case folder([String: FileStatus])
    /// Something that the system does not let us see.
    case unreadable(IntrayError)
  }

  fileprivate enum Reading {
    case names(Set<String>)
    case broken(String)
    /// The disk does not give it now: it may name any file.
    case unread(IntrayError)

    /// Whether the spec names this file. A broken one does when its text holds the name as a word.
    func mentions(_ file: String) -> Bool {
      switch self {
      case .names(let names): names.contains(file)
      case .broken(let text): text.holds(word: file)
      case .unread: true
      }
    }
  }

  /// Brings `seen` up to date and returns the names that are there, in order.
  private func update(at now: Instant) throws -> [String] {
    var present: [String] = []
    let listing = try Files.listing(folder)
    unreachable.present = Set(listing.notUTF8.filter { !InboxName.isIgnored($0) })
    for name in listing.names where !InboxName.isIgnored(name) {
      guard let content = content("\(folder)/\(name)") else { continue }
      present.append(name)
      if var entry = seen[name] {
        guard entry.content != content else { continue }
        entry.content = content
        entry.changed = now
        entry.reading = nil
        seen[name] = entry
      } else {
        seen[name] = Seen(content: content, since: now, changed: now)
      }
    }
    let names = Set(present)
    seen = seen.filter { names.contains($0.key) }
    movedIn.formIntersection(names)
    open = open.filter { path in
      let first = path.dropFirst(folder.utf8.count + 1).split(separator: "/").first
      return first.map { names.contains(String($0)) } ?? false
    }
    return present
  }

  private func content(_ path: String) -> Content? {
    do {
      guard let status = try Files.status(path) else { return nil }
      switch status.kind {
      case .file: return .file(status)
      case .symlink, .other: return .other(status)
      case .folder:
        var entries: [String: FileStatus] = [:]
        for name in try Files.list(path) { entries[name] = try Files.status("\(path)/\(name)") }
        return .folder(entries)
      }
    } catch {
      return .unreadable(IntrayError(error))
    }
  }

  /// When the entry counts as complete.
  fileprivate func settles(_ name: String) -> Instant? {
    guard let entry = seen[name] else { return nil }
    if case .folder = entry.content, movedIn.contains(name), entry.changed == entry.since { return entry.changed }
    let path = "\(folder)/\(name)"
    // Links and pipes are created and never closed.
    let isOpen =
      switch entry.content {
      case .file: open.contains(path)
      case .folder(let entries): entries.contains { $0.value.kind == .file && open.contains("\(path)/\($0.key)") }
      case .other, .unreadable: false
      }
    return entry.changed + (isOpen ? max(rules.settle * 10, .seconds(60)) : rules.settle)
  }

  fileprivate func entry(_ name: String) -> Seen? { seen[name] }

  /// The spec's names. Reads the file once per change of it.
  fileprivate func reading(of spec: String) -> Reading {
    if let reading = seen[spec]?.reading { return reading }
    let reading = Self.read("\(folder)/\(spec)", name: spec)
    if case .unread = reading { return reading }
    seen[spec]?.reading = reading
    return reading
  }

  fileprivate static func read(_ path: String, name: String) -> Reading {
    let data: Data
    do {
      data = try Files.read(path, limit: 1 << 20, followingLinks: false)
    } catch {
      return IntrayError(error).isTransient ? .unread(IntrayError(error)) : .broken("")
    }
    do {
      return .names(Set(try SpecText.draft(data, name: name).files.values.map(\.path)))
    } catch {
      return .broken(String(decoding: data, as: UTF8.self))
    }
  }

  /// Whether `name` says so for the first time.
  fileprivate func isNew(notice: String, for name: String) -> Bool {
    guard let entry = seen[name], entry.noticed != notice else { return false }
    seen[name]?.noticed = notice
    return true
  }
}

// MARK: - Sorting what lies there into batches

private struct Look {
  let inbox: Inbox
  let now: Inbox.Instant
  let present: [String]
  var findings: Inbox.Findings
  /// The specs that still lie in the inbox when this look is over.
  private var specs: Set<String> = []
  /// How many of them name a file, and those that cannot be read and so may name any.
  private var named: [String: Int] = [:]
  private var broken: Set<String> = []
  private var taken: Set<String> = []

  init(inbox: Inbox, now: Inbox.Instant, present: [String], findings: Inbox.Findings) {
    self.inbox = inbox
    self.now = now
    self.present = present
    self.findings = findings
  }

  mutating func sort() {
    var folders: [(String, [String: FileStatus])] = []
    for name in present {
      switch inbox.entry(name)?.content {
      case .file where InboxName.isSpec(name): add(name)
      case .folder(let entries): folders.append((name, entries))
      case .file, .other, .unreadable, nil: break
      }
    }
    for spec in specs.sorted(by: isEarlier) where isSettled(spec) { sortSpec(spec) }
    for (name, entries) in folders where isSettled(name) { sortFolder(name, entries) }
    for name in present where !taken.contains(name) { sortFile(name) }
  }

  private mutating func add(_ spec: String) {
    specs.insert(spec)
    switch inbox.reading(of: spec) {
    case .names(let names): for name in names { named[name, default: 0] += 1 }
    case .broken, .unread: broken.insert(spec)
    }
  }

  private mutating func remove(_ spec: String) {
    specs.remove(spec)
    broken.remove(spec)
    if case .names(let names) = inbox.reading(of: spec) { for name in names { named[name, default: 1] -= 1 } }
  }

  /// First come, first served; the order of names decides between those that came together.
  private func isEarlier(_ a: String, _ b: String) -> Bool {
    guard let first = inbox.entry(a)?.since, let second = inbox.entry(b)?.since, first != second else { return a < b }
    return first < second
  }

  /// A spec at the top of the inbox, with the files beside it.
  private mutating func sortSpec(_ spec: String) {
    let reading = inbox.reading(of: spec)
    let candidates: [String] =
      switch reading {
      case .names(let names): names.filter { inbox.entry($0) != nil }.sorted()
      case .broken: present.filter { reading.mentions($0) }
      case .unread: []
      }
    if case .unread(let error) = reading { return waitForDisk(spec, error) }
    let files = candidates.filter { $0 != spec && !InboxName.isSpec($0) && !taken.contains($0) }
    // One of them may still be written; a file that is there will settle.
    guard files.allSatisfy({ isSettled($0) }) else { return }
    var refusal: IntrayError?
    if case .names(let names) = reading {
      let missing = names.subtracting(files).sorted()
      if let file = missing.first {
        guard hasWaited(spec, "\(spec) waits for \(missing.joined(separator: ", "))") else { return }
        refusal = IntrayError(
          .missing, "\(spec) names \(file), which did not come within \(words(inbox.rules.wait))", at: .init(spec),
          hint: hint(missing: file))
      }
    }
    remove(spec)
    let entries = [Batch.Entry(name: spec)] + files.map { Batch.Entry(name: $0, isShared: isNamed($0)) }
    take(Batch(name: InboxName.stem(spec), entries: entries, source: .spec(spec), refusal: refusal))
  }

  private func hint(missing file: String) -> String {
    let near = Suggestion.nearest(to: file, among: present.filter { !InboxName.isSpec($0) })
    return near.map { "did you mean '\($0)', which is in the inbox?" } ?? "drop the spec and its files together"
  }

  private mutating func sortFolder(_ name: String, _ entries: [String: FileStatus]) {
    if entries[InboxName.ignoreMarker] != nil { return }
    let batch = [Batch.Entry(name: name)]
    func refuse(_ error: IntrayError) -> Batch {
      Batch(name: name, entries: batch, folder: name, source: .nothing(error))
    }
    for inner in entries.keys.sorted() {
      guard let kind = entries[inner]?.kind, kind != .file else { continue }
      return take(refuse(Refusal.kind(kind, "\(name)/\(inner)")))
    }
    let visible = entries.keys.filter { !InboxName.isIgnored($0) }.sorted()
    let specs = visible.filter { InboxName.isSpec($0) }
    let partial = entries.keys.first { InboxName.isPartial($0) && !$0.hasPrefix(".") }
    guard specs.count <= 1 else {
      let error = IntrayError(
        .spec, "the folder holds \(specs.count) specs: \(specs.joined(separator: ", "))", at: .init(name),
        hint: "drop one folder for each")
      return take(refuse(error))
    }
    if let partial {
      guard hasWaited(name, "\(name) waits for \(partial) to be complete") else { return }
      let error = IntrayError(
        .data, "\(partial) was not completed within \(words(inbox.rules.wait))", at: .init(name),
        hint: "rename it to its final name")
      return take(refuse(error))
    }
    if let spec = specs.first {
      var refusal: IntrayError?
      if case .names(let names) = Inbox.read("\(inbox.folder)/\(name)/\(spec)", name: spec) {
        let missing = names.subtracting(visible).sorted()
        if let file = missing.first {
          guard hasWaited(name, "\(name)/\(spec) waits for \(missing.joined(separator: ", "))") else { return }
          let near = Suggestion.nearest(to: file, among: visible.filter { $0 != spec })
          refusal = IntrayError(
            .missing, "\(spec) names \(file), which is not in the folder", at: .init("\(name)/\(spec)"),
            hint: near.map { "did you mean '\($0)'?" } ?? "put it beside the spec")
        }
      }
      return take(Batch(name: name, entries: batch, folder: name, source: .spec(spec), refusal: refusal))
    }
    if visible.isEmpty { return }
    if visible.count == 1, inbox.rules.routes.contains(where: { $0.matches(visible[0]) }) {
      return take(Batch(name: name, entries: batch, folder: name, source: .file(visible[0])))
    }
    guard hasWaited(name, "\(name) holds no spec and waits for one") else { return }
    take(refuse(IntrayError(.spec, "the folder holds no spec", at: .init(name), hint: "put a .yaml file into it")))
  }

  /// A file that no settled spec took.
  private mutating func sortFile(_ name: String) {
    guard let entry = inbox.entry(name) else { return }
    func refuse(_ error: IntrayError) -> Batch {
      Batch(name: InboxName.stem(name), entries: [.init(name: name)], source: .nothing(error))
    }
    switch entry.content {
    case .folder: return
    case .file:
      if InboxName.isSpec(name) || isNamed(name) { return }
      guard isSettled(name) else { return }
      if inbox.rules.routes.contains(where: { $0.matches(name) }) {
        return take(Batch(name: InboxName.stem(name), entries: [.init(name: name)], source: .file(name)))
      }
      guard hasWaited(name, "\(name) waits for a spec that names it") else { return }
      let routes = inbox.rules.routes.map { "'\($0.match)'" }.joined(separator: ", ")
      take(
        refuse(
          IntrayError(
            .spec, "no spec names this file and no route matches it", at: .init(name),
            hint: routes.isEmpty
              ? "drop it together with a spec, or give intray.yaml a route" : "the routes match \(routes)")))
    case .other(let status):
      guard isSettled(name), !isNamed(name) else { return }
      take(refuse(Refusal.kind(status.kind, name)))
    case .unreadable(let error):
      if error.isTransient { return waitForDisk(name, error) }
      guard isSettled(name) else { return }
      take(refuse(error))
    }
  }

  private mutating func take(_ batch: Batch) {
    taken.formUnion(batch.entries.filter { !$0.isShared }.map(\.name))
    findings.ready.append(batch)
  }

  /// Whether a spec that stays in the inbox names the file.
  private func isNamed(_ file: String) -> Bool {
    named[file, default: 0] > 0 || broken.contains { inbox.reading(of: $0).mentions(file) }
  }

  private mutating func isSettled(_ name: String) -> Bool {
    guard let due = inbox.settles(name) else { return false }
    return isDue(due)
  }

  /// Whether the entry was there for the longest time that one may wait. Says what it waits for.
  private mutating func hasWaited(_ name: String, _ notice: String) -> Bool {
    guard let since = inbox.entry(name)?.changed else { return false }
    if isDue(since + inbox.rules.wait) { return true }
    if inbox.isNew(notice: notice, for: name) { findings.notices.append(notice) }
    return false
  }

  /// What the disk refuses for a while is no fault of the batch.
  private mutating func waitForDisk(_ name: String, _ error: IntrayError) {
    let notice = "\(name) cannot be looked at: \(error); tried again and again"
    if inbox.isNew(notice: notice, for: name) { findings.notices.append(notice) }
    _ = isDue(now + .seconds(5))
  }

  private mutating func isDue(_ instant: Inbox.Instant) -> Bool {
    if instant <= now { return true }
    findings.next = findings.next.map { min($0, instant) } ?? instant
    return false
  }

  private func words(_ duration: Duration) -> String {
    duration.formatted(.units(allowed: [.hours, .minutes, .seconds, .milliseconds], width: .wide))
  }
}

extension String {
  /// Whether the text holds `word` with no letter, digit, `_`, `-` or `.` next to it.
  fileprivate func holds(word: String) -> Bool {
    guard !word.isEmpty else { return false }
    func isPart(_ character: Character) -> Bool {
      character.isLetter || character.isNumber || character == "_" || character == "-" || character == "."
    }
    for range in ranges(of: word) {
      let before = range.lowerBound == startIndex ? nil : self[index(before: range.lowerBound)]
      let after = range.upperBound == endIndex ? nil : self[range.upperBound]
      if !(before.map(isPart) ?? false), !(after.map(isPart) ?? false) { return true }
    }
    return false
  }
}
