public import NIOCore

/// Splits the bytes a server sends into replies.
///
/// A decoder belongs to one connection and stays on its event loop, so it need not be `Sendable`.
/// It must bound what it buffers: a peer can send anything.
///
/// Public only because the type of a connection, such as `BeanstalkConnection`, names its decoder.
public protocol ReplyDecoder: SendableMetatype {
    associatedtype Reply: Sendable

    /// Takes over bytes as they arrived, split anywhere.
    mutating func feed(_ bytes: ByteBuffer)

    /// The next complete reply, or nil until more bytes are fed.
    ///
    /// - Throws: when the bytes can never become a reply; the connection is then closed.
    mutating func next() throws -> Reply?

    /// Appends up to `count` complete replies; fewer where more bytes are needed first.
    ///
    /// Hundreds of replies arrive in one read, so each decoder has this loop where its types are known.
    ///
    /// - Throws: as ``next()``; what was complete before has been appended.
    mutating func next(_ count: Int, into replies: inout [Reply]) throws
}
