package import NIOCore

/// Calls that travel together, each written out as the server reads it when it is added.
///
/// A call is one ``append(_:)``, or a `begin`, its arguments, and ``end()``: that way nothing is made for it but bytes.
package struct RedisCallBatch: Sendable {
    private struct Call: Sendable {
        /// Nil for a plain command.
        var script: RedisScript?
        /// Where it begins in the bytes, and where its keys begin.
        var start: Int
        var firstKey: Int
        var isRefused = false
    }

    /// All calls, one after the other.
    package private(set) var bytes = ByteBuffer()

    private var calls: [Call] = []

    /// The hashes of the keys stand for them: calls whose keys only share one wait for each other without need,
    /// which does no harm.
    private var keys: [Int] = []

    /// How many words are announced for the call begun last, and not written yet.
    private var missingWords = 0

    /// The most bytes of all calls together.
    private let limit: Int

    package init(reserving count: Int) {
        self.init(reserving: count, limit: RedisCommand.maximumTogether)
    }

    init(reserving count: Int, limit: Int) {
        self.limit = limit
        calls.reserveCapacity(count)
        keys.reserveCapacity(count)
        bytes.reserveCapacity(min(count * 256, limit))
    }

    package var count: Int { calls.count }

    // MARK: Calls as they are

    package mutating func append(_ call: RedisCall) {
        let words = call.words
        let isTooLong = !RedisCommand.isSendable(words: words.count, bytes: words.reduce(0) { $0 + $1.length })
        calls.append(
            Call(script: call.script, start: bytes.writerIndex, firstKey: keys.count, isRefused: isTooLong))
        for key in call.keys { keys.append(key.hashValue) }
        // It is not sent, so there is nothing to be written.
        guard !isTooLong else { return }
        bytes.writeRESPCommand(words: words.count)
        for word in words { word.write(into: &bytes) }
        if bytes.writerIndex > limit { refuseLast() }
    }

    // MARK: Calls word by word

    /// Begins the call of a script with one key.
    ///
    /// - Parameter arguments: how many words will be appended before ``end()``.
    package mutating func begin(_ script: RedisScript, key: String, arguments: Int) {
        begin(script, script.callOfOneKey, key: key, arguments: arguments)
    }

    /// Begins a plain command with one key.
    ///
    /// - Parameters:
    ///   - command: the words before the key.
    ///   - arguments: how many words will be appended before ``end()``.
    package mutating func begin(command: RedisWords, key: String, arguments: Int) {
        begin(nil, command, key: key, arguments: arguments)
    }

    private mutating func begin(_ script: RedisScript?, _ opening: RedisWords, key: String, arguments: Int) {
        precondition(missingWords == 0, "the call before was not ended")
        calls.append(Call(script: script, start: bytes.writerIndex, firstKey: keys.count))
        keys.append(key.hashValue)
        bytes.writeRESPCommand(words: opening.count + 1 + arguments, opening: opening, key: key)
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

    package mutating func append(_ words: RedisWords) {
        bytes.writeBytes(words.bytes)
        missingWords -= words.count
    }

    package mutating func end() {
        precondition(missingWords == 0, "a call has not the words it was announced with")
        if bytes.writerIndex > limit { refuseLast() }
    }

    /// Takes back the call that went beyond the limit; a shorter one may still find room.
    private mutating func refuseLast() {
        let last = calls.count - 1
        calls[last].isRefused = true
        bytes.moveWriterIndex(to: calls[last].start)
    }

    // MARK: What is sent

    func script(at index: Int) -> RedisScript? { calls[index].script }

    func keys(at index: Int) -> ArraySlice<Int> {
        keys[calls[index].firstKey..<(index + 1 < calls.count ? calls[index + 1].firstKey : keys.count)]
    }

    /// Whether it is longer than a command may be, or found no room beside the others, and is not sent.
    func isRefused(at index: Int) -> Bool { calls[index].isRefused }

    /// Appends one call to others that are sent.
    func write(_ index: Int, into buffer: inout ByteBuffer) {
        let end = index + 1 < calls.count ? calls[index + 1].start : bytes.writerIndex
        bytes.withUnsafeReadableBytes { all in
            _ = buffer.writeBytes(UnsafeRawBufferPointer(rebasing: all[calls[index].start..<end]))
        }
    }
}
