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
        var isTooLong = false
    }

    /// All calls, one after the other.
    package private(set) var bytes = ByteBuffer()

    private var calls: [Call] = []

    /// The hashes of the keys stand for them: calls whose keys only share one wait for each other without need,
    /// which does no harm.
    private var keys: [Int] = []

    /// How many words are announced for the call begun last, and not written yet.
    private var missingWords = 0

    package init(reserving count: Int) {
        calls.reserveCapacity(count)
        keys.reserveCapacity(count)
        bytes.reserveCapacity(count * 256)
    }

    package var count: Int { calls.count }

    // MARK: Calls as they are

    package mutating func append(_ call: RedisCall) {
        let words = call.words
        let isTooLong = !RedisCommand.isSendable(words: words.count, bytes: words.reduce(0) { $0 + $1.length })
        calls.append(
            Call(script: call.script, start: bytes.writerIndex, firstKey: keys.count, isTooLong: isTooLong))
        for key in call.keys { keys.append(key.hashValue) }
        // It is not sent, so there is nothing to be written.
        guard !isTooLong else { return }
        bytes.writeRESPCommand(words: words.count)
        for word in words { word.write(into: &bytes) }
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
    }

    // MARK: What is sent

    func script(at index: Int) -> RedisScript? { calls[index].script }

    func keys(at index: Int) -> ArraySlice<Int> {
        keys[calls[index].firstKey..<(index + 1 < calls.count ? calls[index + 1].firstKey : keys.count)]
    }

    /// Whether it is longer than a command may be, and must not be sent.
    func isTooLong(at index: Int) -> Bool { calls[index].isTooLong }

    /// Appends one call to others that are sent.
    func write(_ index: Int, into buffer: inout ByteBuffer) {
        let end = index + 1 < calls.count ? calls[index + 1].start : bytes.writerIndex
        bytes.withUnsafeReadableBytes { all in
            _ = buffer.writeBytes(UnsafeRawBufferPointer(rebasing: all[calls[index].start..<end]))
        }
    }
}
