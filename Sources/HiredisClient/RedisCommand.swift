public import NIOCore

/// A command and its arguments, binary-safe.
///
/// A connection is shared by many callers and every command calls for exactly one reply. Commands that answer
/// otherwise (`SUBSCRIBE`, `MONITOR`, `CLIENT REPLY`), that change the connection for all (`SELECT`, `HELLO`,
/// `RESET`, `QUIT`) or that block (`BLPOP`) do not belong on one.
public struct RedisCommand: Sendable {
    /// The most bytes of one command, 512 MiB: Redis's own limit for one argument.
    static let maximumLength = 512 << 20

    /// The most bytes of all commands written into one buffer, a byte less than 2 GiB. That is half of what a buffer can
    /// hold, beyond which it ends the process: scripts are written before calls that miss them, each up to this.
    static let maximumTogether = Int(Int32.max)

    private let words: [RedisArgument]

    public init(_ words: [RedisArgument]) {
        self.words = words
    }

    /// Appends the command as the server reads it.
    ///
    /// - Throws: `invalidCommand`, and nothing is appended, where there are no words (which a server would not
    ///   answer), more than 512 MiB of them, or where the buffer would then have 2 GiB.
    public func encode(into buffer: inout ByteBuffer) throws(RedisError) {
        try encode(into: &buffer, upTo: Self.maximumTogether)
    }

    /// - Parameter limit: how many bytes the buffer may have then.
    func encode(into buffer: inout ByteBuffer, upTo limit: Int) throws(RedisError) {
        let start = buffer.writerIndex
        guard !words.isEmpty else { throw RedisError(.invalidCommand, "a command needs at least one word") }
        // One command on top of the limit still fits in a buffer, so only where it ends is looked at.
        guard start <= limit, Self.isSendable(words: words.count, bytes: words.reduce(0) { $0 + $1.length }) else {
            throw Self.tooLong
        }
        buffer.writeRESPCommand(words: words.count)
        for word in words { word.write(into: &buffer) }
        guard buffer.writerIndex <= limit else {
            buffer.moveWriterIndex(to: start)
            throw Self.tooLong
        }
    }

    /// Each word costs its length line too, of at most 14 bytes.
    static func isSendable(words count: Int, bytes: Int) -> Bool {
        count <= maximumLength / 16 && bytes <= maximumLength
    }

    static var tooLong: RedisError {
        RedisError(
            .invalidCommand,
            "a command may have at most \(maximumLength) bytes, and all that are sent together \(maximumTogether)")
    }
}

extension RedisCommand: CustomStringConvertible, CustomReflectable {
    /// The number of words only: they may be secret.
    public var description: String { "RedisCommand(\(words.count) words)" }

    public var customMirror: Mirror { Mirror(self, children: []) }
}
