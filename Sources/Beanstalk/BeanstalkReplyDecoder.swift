public import NIOCore
public import PipelinedTransport

/// Splits what a beanstalkd server sends into replies.
///
/// Memory is bounded by the largest reply allowed, and a line is looked through once however it is split. After an
/// error nothing more is buffered or decoded: no later byte can be trusted.
public struct BeanstalkReplyDecoder: ReplyDecoder {
    public typealias Reply = BeanstalkReply

    /// 16 MiB; a server's own limit is 64 KiB unless it is started with `-z`.
    public static let defaultMaximumBodySize = 16 * 1024 * 1024

    /// 512 bytes; a server's longest line is 224 (`LINE_BUF_SIZE` in beanstalkd's dat.h).
    package static let defaultMaximumLineLength = 512

    /// 64 KiB; a server's are about 1 KiB.
    package static let maximumStatisticsSize = 64 * 1024

    /// 1 MiB, of whatever else a server tells about itself: the names of some ten thousand tubes.
    package static let defaultMaximumTextSize = 1 << 20

    /// The largest body beanstalkd can be configured for (`JOB_DATA_SIZE_LIMIT_MAX` in its dat.h). It keeps all sums
    /// below within a byte buffer's range.
    private static let largestBody = 1 << 30

    private let maximumBodySize: Int
    private let maximumTextSize: Int
    private let maximumLineLength: Int
    private let allowance: NIOLoopBoundBox<Int>?
    /// The first body that comes can only be statistics, and has a limit of its own.
    private var awaitsStatistics: Bool
    private var buffer = ByteBuffer()
    /// How many bytes at the front of `buffer` are known to hold no line feed.
    private var scanned = 0
    /// The line that announced the body now awaited.
    private var announced: ReplyLine.Body?
    /// How many bytes of that body are still to be skipped; nil where it is read.
    private var unskipped: Int?
    private var failure: BeanstalkError?

    /// - Parameter maximumBodySize: in bytes, at most 1 GiB; a longer body of a job is skipped as it comes.
    /// - Parameter maximumTextSize: in bytes; more than that told by a server about itself is an error.
    /// - Parameter maximumLineLength: in bytes, line end included; a longer line is an error.
    /// - Parameter allowance: how many bytes of jobs' bodies may still come, of which each that is read takes its size; one
    ///   for which too little is left is skipped. Whoever asks for jobs says each time how much they may bring.
    /// - Parameter opensWithStatistics: whether the first body must be statistics, at most ``maximumStatisticsSize``.
    package init(
        maximumBodySize: Int = defaultMaximumBodySize,
        maximumTextSize: Int = defaultMaximumTextSize,
        maximumLineLength: Int = defaultMaximumLineLength,
        opensWithStatistics: Bool = false,
        allowance: NIOLoopBoundBox<Int>? = nil
    ) {
        self.allowance = allowance
        awaitsStatistics = opensWithStatistics
        self.maximumBodySize = min(max(maximumBodySize, 0), Self.largestBody)
        self.maximumTextSize = min(max(maximumTextSize, 0), Self.largestBody)
        self.maximumLineLength = min(max(maximumLineLength, 2), 1 << 20)
    }

    /// The memory held, consumed bytes included.
    package var bufferedCapacity: Int { buffer.storageCapacity }

    public mutating func feed(_ bytes: ByteBuffer) {
        guard failure == nil else { return }
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            // Moving what is left never costs more than what was consumed before it.
            if buffer.readerIndex > buffer.readableBytes { buffer.discardReadBytes() }
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next complete reply, or nil until more bytes are fed.
    ///
    /// - Throws: `malformedReply`, now and on every later call.
    public mutating func next() throws(BeanstalkError) -> BeanstalkReply? {
        if let failure { throw failure }
        do throws(BeanstalkError) {
            if let reply = try decode() { return reply }
        } catch {
            failure = error
            buffer = ByteBuffer()
            throw error
        }
        discardConsumedBytes()
        return nil
    }

    public mutating func next(_ count: Int, into replies: inout [BeanstalkReply]) throws(BeanstalkError) {
        for _ in 0..<count {
            guard let reply = try next() else { return }
            replies.append(reply)
        }
    }

    private mutating func decode() throws(BeanstalkError) -> BeanstalkReply? {
        if announced == nil {
            switch try nextLine() {
            case .complete(let reply): return reply
            case .body(let body): announced = body
            case nil: return nil
            }
        }
        if unskipped != nil { return try skip() }
        guard let body = announced, buffer.readableBytes >= body.size + 2 else { return nil }
        let lineEnd = buffer.readerIndex + body.size
        guard buffer.getInteger(at: lineEnd, as: UInt16.self) == 0x0D0A, let bytes = takeBytes(body.size) else {
            throw malformed("no line end after a body of \(body.size) bytes")
        }
        buffer.moveReaderIndex(forwardBy: 2)
        announced = nil
        awaitsStatistics = false
        return body.reply(bytes)
    }

    /// Drops what has come of a body that is not read.
    ///
    /// - Returns: what is said in its place, once all of it has come.
    private mutating func skip() throws(BeanstalkError) -> BeanstalkReply? {
        guard let body = announced, let rest = unskipped else { return nil }
        let count = min(rest, buffer.readableBytes)
        buffer.moveReaderIndex(forwardBy: count)
        unskipped = rest - count
        guard rest == count, buffer.readableBytes >= 2 else { return nil }
        guard buffer.readInteger(as: UInt16.self) == 0x0D0A else {
            throw malformed("no line end after a body of \(body.size) bytes")
        }
        announced = nil
        unskipped = nil
        return body.unread
    }

    private mutating func nextLine() throws(BeanstalkError) -> ReplyLine? {
        let limit = min(buffer.readableBytes, maximumLineLength)
        let lineFeed = buffer.withUnsafeReadableBytes { [scanned] bytes in
            bytes.index(of: UInt8(ascii: "\n"), from: scanned, to: limit)
        }
        guard let lineFeed else {
            if limit == maximumLineLength { throw malformed("a line without end: \(excerpt(limit))") }
            scanned = limit
            return nil
        }
        scanned = 0
        guard let line = buffer.withUnsafeReadableBytes({ ReplyLine(parsing: .init(rebasing: $0[...lineFeed])) }) else {
            throw malformed(excerpt(lineFeed + 1))
        }
        if case .body(let body) = line { try begin(body) }
        buffer.moveReaderIndex(forwardBy: lineFeed + 1)
        return line
    }

    /// Decides what becomes of a body that was announced.
    private mutating func begin(_ body: ReplyLine.Body) throws(BeanstalkError) {
        let largest =
            awaitsStatistics
            ? Self.maximumStatisticsSize : body.kind == .ok ? maximumTextSize : maximumBodySize
        let isAllowed = body.kind == .ok || body.size <= allowance?.value ?? .max
        if body.size <= largest, isAllowed {
            if body.kind != .ok { allowance?.value -= body.size }
        } else if !awaitsStatistics, body.kind != .ok, body.size <= Self.largestBody {
            unskipped = body.size
        } else {
            throw malformed("a body of \(body.size) bytes, over the limit of \(largest)")
        }
    }

    /// A slice costs nothing, but keeps the whole buffer alive for as long as the body is kept: hundreds of small
    /// bodies arrive in one read, and one survivor would hold all of it. So a body may hold twice its size;
    /// smaller ones are copied, which also lets the channel use its read buffer again.
    private mutating func takeBytes(_ count: Int) -> ByteBuffer? {
        if count == 0 { return ByteBuffer() }
        if buffer.storageCapacity <= Swift.max(2 * count, 512) { return buffer.readSlice(length: count) }
        guard let slice = buffer.readSlice(length: count) else { return nil }
        return ByteBuffer(buffer: slice)
    }

    private mutating func discardConsumedBytes() {
        if buffer.readableBytes == 0 {
            buffer = ByteBuffer()
        } else if buffer.storageCapacity > 4 * Swift.max(buffer.readableBytes, 128) {
            buffer = ByteBuffer(buffer: buffer)
        }
    }

    private func excerpt(_ count: Int) -> String {
        PrintableExcerpt.of(buffer.readableBytesView.prefix(count))
    }

    private func malformed(_ detail: String) -> BeanstalkError {
        BeanstalkError(.malformedReply, mayHaveBeenSent: true, detail: detail)
    }
}
