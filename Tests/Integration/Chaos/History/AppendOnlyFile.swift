/// The commands in Redis's append-only file: every write it has made, in order.
///
/// Written with `appendfsync always` and never rewritten, it is a witness of what the ledger held at any time, and
/// survives what is done to the server.
struct AppendOnlyFile {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The values that were set under keys with this prefix.
    static func records(in bytes: [UInt8], keyPrefix: String) -> [LedgerEntry] {
        var file = AppendOnlyFile(bytes)
        var entries: [LedgerEntry] = []
        var editions: [String: [String: LedgerEntry]] = [:]
        while let words = file.next() {
            guard words.count >= 3, words[0].uppercased() == "SET", words[1].hasPrefix(keyPrefix) else { continue }
            // Under the key of no job it is written who may run suspects.
            if words[1] == keyPrefix { continue }
            let id = String(words[1].dropFirst(keyPrefix.count))
            guard words[2].hasPrefix("2\n") else {
                entries.append(LedgerEntry(id: id, state: LedgerEntry.State(record: words[2])))
                continue
            }
            // Of an id's editions each write tells all; what is of interest is what it changed. Whoever gives way comes
            // first.
            let changed = words[2].split(separator: "\n").dropFirst().map { entry(of: id, line: $0) }
                .filter { editions[id]?[$0.edition?.name ?? ""]?.state != $0.state }
            for entry in changed { editions[id, default: [:]][entry.edition?.name ?? ""] = entry }
            entries += changed.filter { $0.state == .withdrawn } + changed.filter { $0.state != .withdrawn }
        }
        return entries
    }

    /// `<edition> <date> <digest> <state>`.
    private static func entry(of id: String, line: Substring) -> LedgerEntry {
        let fields = line.split(separator: " ", maxSplits: 3)
        guard fields.count == 4, fields[0].count == 16, let date = Int64(fields[1]) else {
            return LedgerEntry(id: id, state: .unreadable(String(line)))
        }
        return LedgerEntry(
            id: id, edition: Edition(name: String(fields[0]), fireDate: Instant(microseconds: date)),
            state: LedgerEntry.State(record: String(fields[3])))
    }

    /// The next command; nil at the end, which a killed server may have left in the middle of a command.
    mutating func next() -> [String]? {
        var line = nextLine()
        // Notes of the time, which newer servers can be told to write.
        while line?.first == UInt8(ascii: "#") { line = nextLine() }
        guard let count = Self.number(line, after: "*") else { return nil }
        var words: [String] = []
        for _ in 0..<count {
            guard let length = Self.number(nextLine(), after: "$"), position + length + 2 <= bytes.count else {
                return nil
            }
            words.append(String(decoding: bytes[position..<position + length], as: UTF8.self))
            position += length + 2
        }
        return words
    }

    private mutating func nextLine() -> ArraySlice<UInt8>? {
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\r")), end + 1 < bytes.count else { return nil }
        defer { position = end + 2 }
        return bytes[position..<end]
    }

    private static func number(_ line: ArraySlice<UInt8>?, after sign: Unicode.Scalar) -> Int? {
        guard let line, line.first == UInt8(ascii: sign) else { return nil }
        return Int(String(decoding: line.dropFirst(), as: UTF8.self))
    }
}
