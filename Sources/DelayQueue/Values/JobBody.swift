public import NIOCore

/// What a job carries: bytes, text, or a value that encodes as JSON.
public protocol JobBody: Sendable {
    /// Appends the body's bytes.
    ///
    /// What it throws fails the scheduling of the job with `invalidBody`.
    func write(into buffer: inout ByteBuffer) throws

    /// The content type to announce unless the options name another; nil announces none.
    var defaultContentType: String? { get }
}

extension JobBody {
    public var defaultContentType: String? { nil }

    /// - Throws: `invalidBody`.
    package func bytes() throws(DelayQueueError) -> ByteBuffer {
        var buffer = ByteBuffer()
        do {
            try write(into: &buffer)
        } catch {
            throw DelayQueueError(.invalidBody, "the body could not be turned into bytes", underlying: error)
        }
        return buffer
    }
}

extension String: JobBody {
    public func write(into buffer: inout ByteBuffer) { buffer.writeString(self) }
}

extension Substring: JobBody {
    public func write(into buffer: inout ByteBuffer) { buffer.writeSubstring(self) }
}

extension ByteBuffer: JobBody {
    public func write(into buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(self) }
}

extension [UInt8]: JobBody {
    public func write(into buffer: inout ByteBuffer) { buffer.writeBytes(self) }
}
