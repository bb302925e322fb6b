public import NIOCore

/// A command and its arguments, binary-safe.
///
/// A connection is shared by many callers and every command calls for exactly one reply. Commands that answer
/// otherwise (`SUBSCRIBE`, `MONITOR`, `CLIENT REPLY`), that change the connection for all (`SELECT`, `HELLO`,
/// `RESET`, `QUIT`) or that block (`BLPOP`) do not belong on one.
public struct RedisCommand: Sendable {
    /// The most bytes of one command, 512 MiB: Redis's own limit for one argument.
    static let maximumLength = 512 << 20

    private let words: [RedisArgument]

    public init(_ words: [RedisArgument]) {
        self.words = words
    }

    /// Appends the command as the server reads it.
    ///
    /// - Throws: `invalidCommand`, and nothing is appended, where there are no words (which a server would not
    ///   answer) or more than 512 MiB of them.
    public func encode(into buffer: inout ByteBuffer) throws(RedisError) {
        guard !words.isEmpty else { throw RedisError(.invalidCommand, "a command needs at least one word") }
        guard Self.isSendable(words: words.count, bytes: words.reduce(0) { $0 + $1.length }) else {
            throw Self.tooLong
        }
        buffer.writeRESPCommand(words: words.count)
        for word in words { word.write(into: &buffer) }
    }

    /// Each word costs its length line too, of at most 14 bytes.
    static func isSendable(words count: Int, bytes: Int) -> Bool {
        count <= maximumLength / 16 && bytes <= maximumLength
    }

    static var tooLong: RedisError {
        RedisError(.invalidCommand, "a command may have at most \(maximumLength) bytes")
    }
}

extension RedisCommand: CustomStringConvertible, CustomReflectable {
    /// The number of words only: they may be secret.
    public var description: String { "RedisCommand(\(words.count) words)" }

    public var customMirror: Mirror { Mirror(self, children: []) }
}
