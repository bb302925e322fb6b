import NIOCore
import NIOPosix

/// As much of HTTP/1.1 as the tests need: one request on a connection, and events for as long as they are watched.
struct HTTPClient: Sendable {
    let host: String
    let port: Int

    /// - Parameter address: `http://host:port/`.
    init(_ address: String) throws {
        let parts = address.split { "/:".contains($0) }
        guard parts.count == 3, let port = Int(parts[2]) else { throw UnexpectedAnswer(text: address) }
        (host, self.port) = (String(parts[1]), port)
    }

    struct UnexpectedAnswer: Error { let text: String }

    @discardableResult
    func send(_ method: String, _ path: String, _ body: String = "") async throws -> (status: Int, body: String) {
        try await exchange(method, path, body) { inbound in
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            guard let end = answer.firstRange(of: "\r\n\r\n"), let status = Int(answer.split(separator: " ")[1]) else {
                throw UnexpectedAnswer(text: answer)
            }
            return (status, String(answer[end.upperBound...]))
        }
    }

    /// Watches the events while `body` runs, which is handed something that waits until a text came among them.
    func watching(_ body: @escaping (_ until: (String) async throws -> Void) async throws -> Void) async throws {
        try await exchange("GET", "/events", "") { inbound in
            var (iterator, seen) = (inbound.makeAsyncIterator(), "")
            func wait(_ text: String) async throws {
                while !seen.contains(text) {
                    guard let part = try await iterator.next(isolation: #isolation) else {
                        throw UnexpectedAnswer(text: seen)
                    }
                    seen += String(buffer: part)
                }
            }
            try await wait("retry:")
            try await body(wait)
        }
    }

    private func exchange<R>(
        _ method: String, _ path: String, _ body: String,
        _ answer: (NIOAsyncChannelInboundStream<ByteBuffer>) async throws -> R
    ) async throws -> R {
        let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await connection.executeThenClose { inbound, outbound in
            let head =
                "\(method) \(path) HTTP/1.1\r\nhost: \(host)\r\nconnection: close\r\ncontent-length: \(body.utf8.count)"
            try await outbound.write(ByteBuffer(string: head + "\r\n\r\n" + body))
            return try await answer(inbound)
        }
    }
}
