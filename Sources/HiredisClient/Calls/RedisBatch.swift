package import NIOCore

/// Commands and calls of scripts that travel together, each written out as the server reads it when it is added.
///
/// A connection is shared by many callers and every command calls for exactly one reply. Commands that answer
/// otherwise (`SUBSCRIBE`, `MONITOR`, `CLIENT REPLY`), that change the connection for all (`SELECT`, `HELLO`,
/// `RESET`, `QUIT`) or that block (`BLPOP`) do not belong on one.
package struct RedisBatch: Sendable {
    /// The most bytes of one command, 512 MiB: Redis's own limit for one argument.
    static let maximumLength = 512 << 20

    /// The most bytes of a batch, a byte less than 2 GiB. That is half of what a buffer can hold, beyond which it ends the
    /// process: a command is written before its end is looked at.
    static let maximumTogether = Int(Int32.max)

    struct Call: Sendable {
        /// The place of its script among the client's; nil for a plain command.
        var script: Int?
        /// Where it begins in the bytes.
        var start: Int
        /// Where the word is that is its key; empty where nobody said which.
        var key: Range<Int>
        var tag: UInt8 = 0
    }

    /// All calls, one after the other.
    package private(set) var bytes = ByteBuffer()

    private(set) var calls: [Call] = []

    /// Calls that are not sent, by their places.
    private(set) var refusals: [Int: RedisError] = [:]

    /// How the call of each script begins.
    private let openings: [EncodedWords]

    /// How many words are announced for the call begun last, and not written yet.
    private var missingWords = 0

    private let limit: Int

    init(calling openings: [EncodedWords] = [], reserving count: Int = 1, limit: Int = maximumTogether) {
        self.openings = openings
        self.limit = limit
        calls.reserveCapacity(count)
        bytes.reserveCapacity(min(count * 256, limit))
    }

    package var count: Int { calls.count }

    // MARK: Whole commands

    /// Adds a command and its arguments, binary-safe.
    package mutating func command(_ words: RedisArgument...) {
        command(words)
    }

    /// Adds a command and its arguments, binary-safe.
    ///
    /// One of no words, of more than 512 MiB, or with which all of them would have 2 GiB is not sent and fails alone with
    /// `invalidCommand`.
    package mutating func command(_ words: [RedisArgument]) {
        let start = bytes.writerIndex
        calls.append(Call(start: start, key: start..<start))
        guard !words.isEmpty else {
            return refuseLast(RedisError(.invalidCommand, "a command needs at least one word"))
        }
        // Each word costs its length line too, of at most 14 bytes.
        guard words.count <= Self.maximumLength / 16, words.reduce(0, { $0 + $1.length }) <= Self.maximumLength else {
            return refuseLast(Self.tooLong)
        }
        bytes.writeRESPCommand(words: words.count)
        for word in words { word.write(into: &bytes) }
        if bytes.writerIndex > limit { refuseLast(Self.tooLong) }
    }

    // MARK: Word by word

    // Where a call is written word by word, nothing is allocated for its words.

    /// Begins the call of a script with one key.
    ///
    /// - Parameters:
    ///   - script: its place among those that the client was made with.
    ///   - arguments: how many words will be appended before ``end()``.
    ///   - tag: tells its replies from others', where those are checked.
    package mutating func begin(script: Int, key: String, arguments: Int, tag: UInt8 = 0) {
        begin(script, openings[script], key: key, arguments: arguments, tag: tag)
    }

    /// Begins a plain command with one key.
    ///
    /// - Parameter command: the words before the key.
    package mutating func begin(command: EncodedWords, key: String, arguments: Int, tag: UInt8 = 0) {
        begin(nil, command, key: key, arguments: arguments, tag: tag)
    }

    private mutating func begin(_ script: Int?, _ opening: EncodedWords, key: String, arguments: Int, tag: UInt8) {
        precondition(missingWords == 0, "the call before was not ended")
        let start = bytes.writerIndex
        let keyStart = bytes.writeRESPCommand(words: opening.count + 1 + arguments, opening: opening, key: key)
        calls.append(Call(script: script, start: start, key: keyStart..<bytes.writerIndex, tag: tag))
        missingWords = arguments
    }

    package mutating func append(_ text: String) {
        bytes.writeRESPWord(text)
        missingWords -= 1
    }

    package mutating func append(_ number: Int64) {
        bytes.writeRESPWord(number)
        missingWords -= 1
    }

    package mutating func append(_ words: EncodedWords) {
        bytes.writeBytes(words.bytes)
        missingWords -= words.count
    }

    package mutating func end() {
        precondition(missingWords == 0, "a call has not the words it was announced with")
        if bytes.writerIndex > limit { refuseLast(Self.tooLong) }
    }

    /// Takes back the call that was added last; a shorter one may still find room.
    private mutating func refuseLast(_ error: RedisError) {
        let last = calls.count - 1
        refusals[last] = error
        bytes.moveWriterIndex(to: calls[last].start)
        calls[last].key = calls[last].start..<calls[last].start
    }

    static var tooLong: RedisError {
        RedisError(
            .invalidCommand,
            "a command may have at most \(maximumLength) bytes, and all that are sent together \(maximumTogether)")
    }

    // MARK: What is sent

    /// How many calls are sent.
    var sentCount: Int { calls.count - refusals.count }

    /// The places of the calls that are sent, in their order; nil where those are all of them.
    var sentIndexes: [Int]? {
        refusals.isEmpty ? nil : calls.indices.filter { refusals[$0] == nil }
    }

    /// The word that is the key of a call, nil where it is not known.
    func key(at index: Int) -> ByteBuffer? {
        let key = calls[index].key
        return key.isEmpty ? nil : bytes.getSlice(at: key.lowerBound, length: key.count)
    }

    /// Some of the calls, given by their places, each with another opening for its script.
    func calls(at indexes: [Int], opening: [EncodedWords]) -> RedisBatch {
        var batch = RedisBatch(calling: opening, reserving: indexes.count, limit: limit)
        for index in indexes {
            let call = calls[index]
            guard let script = call.script else { continue }
            let end = index + 1 < calls.count ? calls[index + 1].start : bytes.writerIndex
            let start = batch.bytes.writerIndex
            batch.copy(bytes, call.start..<(call.key.lowerBound - openings[script].bytes.count))
            batch.bytes.writeBytes(opening[script].bytes)
            let keyStart = batch.bytes.writerIndex
            batch.copy(bytes, call.key.lowerBound..<end)
            batch.calls.append(
                Call(script: script, start: start, key: keyStart..<(keyStart + call.key.count), tag: call.tag))
            if batch.bytes.writerIndex > limit { batch.refuseLast(Self.tooLong) }
        }
        return batch
    }

    private mutating func copy(_ source: ByteBuffer, _ range: Range<Int>) {
        _ = source.withUnsafeReadableBytes { all in
            bytes.writeBytes(UnsafeRawBufferPointer(rebasing: all[range]))
        }
    }
}

extension RedisBatch: CustomStringConvertible, CustomReflectable {
    /// The number of commands only: their words may be secret.
    package var description: String { "RedisBatch(\(count) commands)" }

    package var customMirror: Mirror { Mirror(self, children: []) }
}
