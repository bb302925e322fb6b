import Foundation

/// The folder with a round's files: what processes print, log and note, and the lists of jobs they are given.
struct RoundFolder: Sendable {
    let path: String

    init(seed: UInt64) throws {
        let name = "dq-chaos-\(seed)-\(UInt32.random(in: 0 ... .max))"
        path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        // Where the ledger is, with its password, is in it.
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    /// The name of the file that says where a slot's processes find the ledger.
    static func ledgerFile(of slot: Slot) -> String { "\(slot).ledger" }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
    }

    /// What is in a file; nothing where it does not exist, as of a process that never got so far.
    func read(_ name: String) -> String { String(decoding: Self.bytes(file(name)), as: UTF8.self) }

    func remove(_ name: String) { try? FileManager.default.removeItem(atPath: file(name)) }

    func removeAll() { try? FileManager.default.removeItem(atPath: path) }

    static func bytes(_ path: String) -> [UInt8] {
        (try? Data(contentsOf: URL(fileURLWithPath: path))).map { [UInt8]($0) } ?? []
    }
}
