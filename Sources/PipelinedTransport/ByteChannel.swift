public import NIOCore

/// What a connection needs of the way to its server: a socket, or a server in the same process.
///
/// Used on the connection's event loop only.
@usableFromInline package protocol ByteChannel {
    func send(_ bytes: ByteBuffer)

    /// Ends the way; nothing that comes on it is heeded any more.
    func close()
}

/// Servers that are reached without a network.
package protocol LocalServers: Sendable {
    /// - Parameter receive: called on the event loop, never within this call or within `send`.
    /// - Returns: fails where the server is not reached.
    func connect(
        to address: ServerAddress, on eventLoop: any EventLoop, receive: @escaping @Sendable (ByteChannelEvent) -> Void
    ) -> EventLoopFuture<any ByteChannel>
}

/// A socket's channel.
struct SocketChannel: ByteChannel {
    let channel: any Channel

    func send(_ bytes: ByteBuffer) { channel.writeAndFlush(bytes, promise: nil) }

    func close() { channel.close(mode: .all, promise: nil) }
}
