import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A server that speaks beanstalkd's protocol without a fault, and answers with the largest and the most of everything: each
/// reserve with a record at once, of a size of its choosing.
package final class FloodNode: Sendable {
    package struct Behaviour: Sendable {
        /// What follows the id in the line of an envelope, up to its end. Nil sends records that nobody wrote.
        package var line: (@Sendable () -> String)?
        /// The whole of each record, in bytes.
        package var recordSize: Int
        /// What it answers to `stats-job`, in bytes; nil answers as a server does.
        package var statisticsSize: Int?

        package init(line: (@Sendable () -> String)?, recordSize: Int, statisticsSize: Int? = nil) {
            self.line = line
            self.recordSize = recordSize
            self.statisticsSize = statisticsSize
        }
    }

    private let listener: any Channel
    private let counts: NIOLockedValueBox<[String: Int]>

    private init(listener: any Channel, counts: NIOLockedValueBox<[String: Int]>) {
        self.listener = listener
        self.counts = counts
    }

    package static func running<R>(_ behaviour: Behaviour, _ body: (FloodNode) async throws -> R) async throws -> R {
        let counts = NIOLockedValueBox<[String: Int]>([:])
        // All records and texts are slices of these.
        let filler = ByteBuffer(
            repeating: UInt8(ascii: "x"), count: max(behaviour.recordSize, behaviour.statisticsSize ?? 0))
        let ids = NIOLockedValueBox(0)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        FloodHandler(behaviour, filler: filler, counts: counts) {
                            ids.withLockedValue { id in
                                id += 1
                                return id
                            }
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let node = FloodNode(listener: listener, counts: counts)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(node))
        } catch {
            result = .failure(error)
        }
        try? await listener.close()
        return try result.get()
    }

    package var port: Int { listener.localAddress?.port ?? 0 }

    package var address: String { "127.0.0.1:\(port)" }

    /// How often a command came, by its first word.
    package subscript(command: String) -> Int { counts.withLockedValue { $0[command, default: 0] } }
}

private final class FloodHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let behaviour: FloodNode.Behaviour
    private let filler: ByteBuffer
    private let counts: NIOLockedValueBox<[String: Int]>
    private let makeID: () -> Int
    private var heard = ByteBuffer()
    private var watched = 1

    init(
        _ behaviour: FloodNode.Behaviour, filler: ByteBuffer, counts: NIOLockedValueBox<[String: Int]>,
        makeID: @escaping () -> Int
    ) {
        self.behaviour = behaviour
        self.filler = filler
        self.counts = counts
        self.makeID = makeID
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        heard.writeBuffer(&bytes)
        while let end = heard.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            let line = heard.readString(length: end + 1 - heard.readerIndex) ?? ""
            answer(line.split(whereSeparator: \.isWhitespace).map(String.init), context)
        }
        heard.discardReadBytes()
        context.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ words: [String], _ context: ChannelHandlerContext) {
        guard let command = words.first else { return }
        counts.withLockedValue { $0[command, default: 0] += 1 }
        switch command {
        case "use": say("USING \(words[1])\r\n", context)
        case "watch":
            watched += 1
            say("WATCHING \(watched)\r\n", context)
        case "ignore":
            watched -= 1
            say("WATCHING \(watched)\r\n", context)
        case "list-tube-used": say("USING default\r\n", context)
        case "stats": text("---\nid: 0123456789abcdef\nversion: 1.13\n", context)
        case "stats-job":
            guard let size = behaviour.statisticsSize else {
                return text(
                    """
                    ---
                    id: \(words[1])
                    tube: default
                    state: reserved
                    pri: 1
                    age: 1
                    delay: 0
                    ttr: 60
                    time-left: 59
                    file: 0
                    reserves: 1
                    timeouts: 0
                    releases: 0
                    buries: 0
                    kicks: 0

                    """, context)
            }
            say("OK \(size)\r\n", context)
            send(filler.getSlice(at: 0, length: size) ?? ByteBuffer(), context)
            say("\r\n", context)
        case "reserve-with-timeout": record("RESERVED \(makeID())", context)
        case "reserve-job": record("RESERVED \(words[1])", context)
        case "peek-delayed": record("FOUND \(makeID())", context)
        case "release": say("RELEASED\r\n", context)
        case "delete": say("DELETED\r\n", context)
        case "touch": say("TOUCHED\r\n", context)
        case "bury": say("BURIED\r\n", context)
        default: say("NOT_FOUND\r\n", context)
        }
    }

    private func record(_ reply: String, _ context: ChannelHandlerContext) {
        let line = behaviour.line.map { "DQ1 flood-\(makeID()) \($0())\r\n\r\n" } ?? ""
        let rest = max(0, behaviour.recordSize - line.utf8.count)
        say("\(reply) \(line.utf8.count + rest)\r\n\(line)", context)
        send(filler.getSlice(at: 0, length: rest) ?? ByteBuffer(), context)
        say("\r\n", context)
    }

    private func text(_ text: String, _ context: ChannelHandlerContext) {
        say("OK \(text.utf8.count)\r\n\(text)\r\n", context)
    }

    private func say(_ text: String, _ context: ChannelHandlerContext) {
        send(ByteBuffer(string: text), context)
    }

    private func send(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(bytes), promise: nil)
    }
}
