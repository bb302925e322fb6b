package import NIOCore

public import struct Foundation.Date

/// One job of a batch: when, what and how.
public struct JobRequest: Sendable {
    /// When the job fires.
    package enum Time: Sendable {
        case at(Date)
        case delay(Duration)
    }

    package var time: Time
    public var body: any JobBody
    public var options: JobOptions

    public init(at date: Date, _ body: any JobBody, options: JobOptions = .init()) {
        self.time = .at(date)
        self.body = body
        self.options = options
    }

    public init(delay duration: Duration, _ body: any JobBody, options: JobOptions = .init()) {
        self.time = .delay(duration)
        self.body = body
        self.options = options
    }

    /// - Throws: `invalidBody`.
    package func bytes() throws(DelayQueueError) -> ByteBuffer { try body.bytes() }
}
