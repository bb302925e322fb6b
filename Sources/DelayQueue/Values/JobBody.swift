public import NIOCore

/// What a job carries: bytes, text, or a value that encodes as JSON.
public protocol JobBody: Sendable {
    /// Appends the body's bytes.
    ///
    /// What it throws fails the scheduling of the job with `invalidBody`.
    func write(into buffer: inout ByteBuffer) throws

    /// About how many bytes `write` appends, to reserve room for.
    var estimatedSize: Int { get }

    /// The content type to announce unless the options name another; nil announces none.
    var defaultContentType: String? { get }
}

extension JobBody {
    public var estimatedSize: Int { 0 }
    public var defaultContentType: String? { nil }

    /// - Throws: `invalidBody`.
    package func bytes() throws(DelayQueueError) -> ByteBuffer {
        var buffer = ByteBuffer()
        do {
            buffer.reserveCapacity(estimatedSize)
            try write(into: &buffer)
        } catch {
            throw DelayQueueError(.invalidBody, "the body could not be turned into bytes", underlying: error)
        }
        return buffer
    }
}

extension String: JobBody {
    public func write(into buffer: inout ByteBuffer) { buffer.writeString(self) }
    public var estimatedSize: Int { utf8.count }
}

extension Substring: JobBody {
    public func write(into buffer: inout ByteBuffer) { buffer.writeSubstring(self) }
    public var estimatedSize: Int { utf8.count }
}

extension ByteBuffer: JobBody {
    public func write(into buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(self) }
    public var estimatedSize: Int { readableBytes }
}

extension [UInt8]: JobBody {
    public func write(into buffer: inout ByteBuffer) { buffer.writeBytes(self) }
    public var estimatedSize: Int { count }
}
