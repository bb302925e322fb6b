import CHiredis
import NIOCore

/// hiredis's reply reader, freed with the last reference.
///
/// It must be fed only what ``RESPGuard`` accepted: hiredis 0.14 allocates whatever a header announces.
final class HiredisReader {
    private let reader: UnsafeMutablePointer<redisReader>?

    private var recent = RecentStrings()

    init() {
        reader = redisReaderCreate()
    }

    deinit {
        redisReaderFree(reader)
    }

    func feed(_ bytes: UnsafeRawBufferPointer) throws(RedisError) {
        guard let reader else { throw Self.outOfMemory }
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        guard redisReaderFeed(reader, start.assumingMemoryBound(to: CChar.self), bytes.count) == REDIS_OK else {
            throw error
        }
    }

    /// The next reply; one must be complete.
    func reply() throws(RedisError) -> RedisValue {
        guard let reader else { throw Self.outOfMemory }
        var raw: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &raw) == REDIS_OK else { throw error }
        guard let raw else {
            throw RedisError(.malformedReply, "hiredis does not see the end of the reply")
        }
        defer { freeReplyObject(raw) }
        let reply = raw.assumingMemoryBound(to: redisReply.self).pointee
        if reply.type == REDIS_REPLY_STRING, let start = reply.str,
            let value = recent.value(of: UnsafeRawBufferPointer(start: start, count: Int(reply.len)))
        {
            return value
        }
        guard let value = RedisValue(copying: reply) else {
            throw RedisError(.malformedReply, "hiredis delivered a reply of an unknown kind")
        }
        return value
    }

    private static var outOfMemory: RedisError { RedisError(.malformedReply, "hiredis is out of memory") }

    private var error: RedisError {
        guard let reader else { return Self.outOfMemory }
        // The text quotes at most one byte of the reply.
        let text = withUnsafeBytes(of: reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return RedisError(.malformedReply, text)
    }
}
