import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport

/// A hostile node: it is one of the nodes that consumers are given, and says what no beanstalkd would.
///
/// Each connection gets its own piece of nonsense, some of it after a while, and is then hung up on, or hears no more. It is
/// decided by the round's seed and the connection's number.
struct Babbler: Sendable {
    private let listener: any Channel

    private static let nonsense = [
        "rubbish\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "USING \r\n", "RESERVED 1 1\r\nx\r\n",
        "OK 18\r\n---\nid: 12\n",
        "RESERVED 18446744073709551616 1\r\nx\r\n", "FOUND 1 1073741825\r\n", "RESERVED 7 1000000000\r\n\0\0\0\0",
        "\u{15}\u{3}\u{3}\0\u{2}\u{2}\n", "OUT_OF_MEMORY\r\n", "DELETED\r\nDELETED\r\nDELETED\r\nDELETED\r\n", "",
        "\r\n",
    ]

    /// What a consumer's connection begins with, so that what follows is no greeting.
    private static let greetings = [
        "WATCHING 2\r\nWATCHING 3\r\nWATCHING 2\r\nOK 25\r\n---\nid: 0123456789abcdef\n\r\n",
        "USING chaos.standby\r\nOK 25\r\n---\nid: 0123456789abcdef\n\r\n", "",
    ]

    static func start(seed: UInt64) async throws -> Babbler {
        let count = NIOLockedValueBox(0)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let connection = count.withLockedValue { count in
                    count += 1
                    return count
                }
                var generator = SeededGenerator(seed: seed, stream: 1_000 + connection)
                let saying = Saying(
                    greeting: greetings.randomElement(using: &generator) ?? "",
                    nonsense: nonsense.randomElement(using: &generator) ?? "",
                    after: .milliseconds(Int64.random(in: 0...2_000, using: &generator)),
                    hangsUp: Bool.random(using: &generator))
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(BabbleHandler(saying))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return Babbler(listener: listener)
    }

    var address: String { "127.0.0.1:\(listener.localAddress?.port ?? 0)" }

    func stop() async { try? await listener.close() }

    fileprivate struct Saying: Sendable {
        var greeting: String
        var nonsense: String
        var after: TimeAmount
        var hangsUp: Bool
    }
}

private final class BabbleHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let saying: Babbler.Saying
    private var hasSpoken = false

    init(_ saying: Babbler.Saying) {
        self.saying = saying
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasSpoken else { return }
        hasSpoken = true
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: saying.greeting)), promise: nil)
        let channel = context.channel
        let saying = saying
        context.eventLoop.scheduleTask(in: saying.after) {
            channel.writeAndFlush(ByteBuffer(string: saying.nonsense), promise: nil)
            if saying.hangsUp { channel.close(promise: nil) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
