import NIOCore
import NIOPosix
import Testing

/// A TCP or Unix domain connection that sends text and collects what arrives.
struct RawConnection {
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var unread = ByteBuffer()

    /// The pieces in which bytes arrived.
    private(set) var pieces: [String] = []

    static func with<R>(
        port: Int, _ body: (inout RawConnection) async throws -> R
    ) async throws -> R {
        try await with(try SocketAddress(ipAddress: "127.0.0.1", port: port), body)
    }

    static func with<R>(
        _ address: SocketAddress, _ body: (inout RawConnection) async throws -> R
    ) async throws -> R {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var connection = RawConnection(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            return try await body(&connection)
        }
    }

    private init(
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.inbound = inbound
        self.outbound = outbound
    }

    func send(_ text: String) async throws {
        try await outbound.write(ByteBuffer(string: text))
    }

    /// Ends what this side sends; it can still receive.
    func finish() {
        outbound.finish()
    }

    /// The next line, without the carriage return and line feed that end it; nil where the other side sends no more.
    mutating func line() async throws -> String? {
        var searched = 0
        while true {
            let unsearched = unread.readableBytesView.dropFirst(searched)
            if let end = unsearched.firstIndex(of: UInt8(ascii: "\n")) {
                let line = unread.readString(length: end - unread.readerIndex + 1)
                return line.map { String($0.dropLast()) }
            }
            searched = unread.readableBytes
            guard try await receive() else { return nil }
        }
    }

    /// Sends a line and waits for the line that answers it.
    mutating func ask(_ question: String) async throws -> String? {
        try await send(question + "\r\n")
        return try await line()
    }

    /// Sends a line and checks the line that answers it.
    mutating func expect(
        _ question: String, answer expected: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await ask(question)
        #expect(answer == expected, sourceLocation: sourceLocation)
    }

    /// Reads until the other side sends no more.
    ///
    /// - Returns: whether that was the regular end of the stream, and not a reset connection.
    mutating func readToEnd() async -> Bool {
        do {
            while try await receive() {}
            return true
        } catch {
            return false
        }
    }

    private mutating func receive() async throws -> Bool {
        guard let bytes = try await inbound.next(isolation: #isolation) else { return false }
        pieces.append(String(buffer: bytes))
        unread.writeImmutableBuffer(bytes)
        return true
    }
}

/// Asks on a connection of its own.
func ask(port: Int, _ question: String) async throws -> String? {
    try await RawConnection.with(port: port) { try await $0.ask(question) }
}

/// Asks on a connection of its own and checks the answer.
func expect(
    port: Int, _ question: String, answer expected: String, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    try await RawConnection.with(port: port) {
        try await $0.expect(question, answer: expected, sourceLocation: sourceLocation)
    }
}
