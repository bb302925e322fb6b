import CHiredis
public import NIOCore

/// A command and its arguments, binary-safe.
///
/// A connection is shared by many callers and every command calls for exactly one reply. Commands that answer
/// otherwise (`SUBSCRIBE`, `MONITOR`, `CLIENT REPLY`), that change the connection for all (`SELECT`, `HELLO`,
/// `RESET`, `QUIT`) or that block (`BLPOP`) do not belong on one.
public struct RedisCommand: Sendable {
    /// The most bytes of one command, 512 MiB: Redis's own limit for one argument, and well within what
    /// hiredis 0.14 can count.
    static let maximumLength = 512 << 20

    /// The words without separators.
    private var bytes: ByteBuffer
    private var lengths: [Int]

    public init(_ words: [RedisArgument]) {
        self.init(reserving: words.count)
        for word in words { append(word) }
    }

    /// Starts without words; it cannot be sent until it has one.
    init(reserving count: Int) {
        bytes = ByteBuffer()
        lengths = []
        lengths.reserveCapacity(count)
    }

    /// Takes all words out and keeps their memory.
    mutating func removeAll() {
        bytes.clear()
        lengths.removeAll(keepingCapacity: true)
    }

    mutating func append(_ word: RedisArgument) {
        switch word {
        case .text(let text): append(text)
        case .bytes(let buffer): lengths.append(bytes.writeImmutableBuffer(buffer))
        }
    }

    mutating func append(_ text: String) {
        lengths.append(bytes.writeString(text))
    }

    /// Appends the command as the server reads it.
    ///
    /// - Throws: `invalidCommand`, and nothing is appended, where there are no words (which a server would not
    ///   answer) or more than 512 MiB of them.
    public func encode(into buffer: inout ByteBuffer) throws(RedisError) {
        guard !lengths.isEmpty else { throw RedisError(.invalidCommand, "a command needs at least one word") }
        // Each word costs its length line too, of at most 14 bytes.
        guard lengths.count <= Self.maximumLength / 16, bytes.readableBytes <= Self.maximumLength else {
            throw RedisError(.invalidCommand, "a command may have at most \(Self.maximumLength) bytes")
        }
        var formatted: UnsafeMutablePointer<CChar>?
        // 0.14 declares the result and the length as int, 1.x as long long.
        let length = bytes.withUnsafeReadableBytes { words in
            Self.withPointers(to: words, lengths: lengths) { pointers, lengths in
                Int(redisFormatCommandArgv(&formatted, numericCast(lengths.count), pointers, lengths.baseAddress))
            }
        }
        defer { redisFreeCommand(formatted) }
        guard length > 0, let formatted else {
            throw RedisError(.invalidCommand, "hiredis could not format a command of \(bytes.readableBytes) bytes")
        }
        buffer.writeBytes(UnsafeRawBufferPointer(start: formatted, count: length))
    }

    private static func withPointers<Result>(
        to words: UnsafeRawBufferPointer, lengths: [Int],
        _ body: (UnsafeMutablePointer<UnsafePointer<CChar>?>, UnsafeBufferPointer<Int>) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: lengths.count) { pointers in
            lengths.withUnsafeBufferPointer { lengths in
                // No bytes, no address; but a pointer that is read for no bytes must not be null either.
                let start = words.baseAddress ?? UnsafeRawPointer(lengths.baseAddress)
                var offset = 0
                for (index, length) in lengths.enumerated() {
                    pointers.initializeElement(
                        at: index, to: start?.advanced(by: offset).assumingMemoryBound(to: CChar.self))
                    offset += length
                }
                defer { pointers.deinitialize() }
                guard let base = pointers.baseAddress else {
                    preconditionFailure("the caller checked that there are words")
                }
                return body(base, lengths)
            }
        }
    }
}

extension RedisCommand: CustomStringConvertible, CustomReflectable {
    /// The number of words only: they may be secret.
    public var description: String { "RedisCommand(\(lengths.count) words)" }

    public var customMirror: Mirror { Mirror(self, children: []) }
}
