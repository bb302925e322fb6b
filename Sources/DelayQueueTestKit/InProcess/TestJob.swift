public import DelayQueue
public import Foundation
public import NIOCore

/// A job on the nodes of a ``TestQueue``.
public struct TestJob: Sendable, Hashable {
    public let id: JobID
    public let fireDate: Date
    public let body: ByteBuffer
    public let headers: JobHeaders

    /// On how many of the nodes that are up it has a copy.
    public internal(set) var copies = 0

    /// The body as UTF-8 text.
    public var text: String { String(buffer: body) }
}
