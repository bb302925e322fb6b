package import NIOCore
package import PipelinedTransport

/// Turns the bytes of a Redis server into replies: ``RESPGuard`` checks them, hiredis reads them.
///
/// Only RESP2 is understood. What a peer makes it buffer is bounded by ``RedisReplyLimits``. A copy shares the
/// reader with the original, so a decoder has one owner, its connection.
package struct RedisReplyDecoder: ReplyDecoder {
    /// hiredis moves what it has not read yet each time it has read 1 KiB, so it is fed a little at a time.
    private static let stride = 16 << 10

    private let reader = HiredisReader()
    private var checker: RESPGuard
    private var pending = ByteBuffer()
    /// Replies that hiredis holds complete.
    private var ready = 0
    private var failure: RedisError?
    private var isFirst = true

    /// - Parameter openings: how many replies open the connection, with tighter limits.
    package init(limits: RedisReplyLimits = .init(), openings: Int = 0) {
        checker = RESPGuard(limits: limits, openings: openings)
    }

    package mutating func feed(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            pending.writeImmutableBuffer(bytes)
        }
    }

    /// The next complete reply, or nil until more bytes are fed.
    ///
    /// - Throws: `malformedReply` for bytes that are no reply or exceed a limit, from then on always. The server's
    ///   own error where it turned the connection away unasked (too many clients, protected mode).
    package mutating func next() throws(RedisError) -> RedisValue? {
        while true {
            if ready > 0 {
                ready -= 1
                return try take()
            }
            if let failure { throw failure }
            guard pending.readableBytes > 0 else { return nil }
            try pass()
        }
    }

    package mutating func next(_ count: Int, into replies: inout [RedisValue]) throws(RedisError) {
        for _ in 0..<count {
            guard let reply = try next() else { return }
            replies.append(reply)
        }
    }

    private mutating func pass() throws(RedisError) {
        let length = min(pending.readableBytes, Self.stride)
        var scan = RESPGuard.Scan()
        do {
            try pending.withUnsafeReadableBytes { bytes in
                let bytes = UnsafeRawBufferPointer(rebasing: bytes[..<length])
                scan = checker.scan(bytes)
                try reader.feed(UnsafeRawBufferPointer(rebasing: bytes[..<scan.accepted]))
            }
        } catch {
            failure = error as? RedisError ?? RedisError(.malformedReply, "\(error)")
        }
        pending.moveReaderIndex(forwardBy: length)
        ready = failure == nil ? scan.completed : 0
        if let violation = scan.violation, failure == nil {
            failure = RedisError(.malformedReply, "\(violation)")
        }
        if failure != nil { pending = ByteBuffer() }
    }

    private mutating func take() throws(RedisError) -> RedisValue {
        let value: RedisValue
        do throws(RedisError) {
            value = try reader.reply()
        } catch {
            ready = 0
            failure = error
            throw error
        }
        if isFirst {
            isFirst = false
            if case .error(let text) = value, RedisError.isRefusalOfConnection(text) {
                let error = RedisError(serverError: text)
                ready = 0
                failure = error
                throw error
            }
        }
        return value
    }
}

/// A connection that speaks RESP2.
package typealias RedisConnection = PipelinedConnection<RedisReplyDecoder>
