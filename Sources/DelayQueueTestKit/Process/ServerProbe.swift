import NIOCore
import NIOPosix

/// One question to a server, and what answer shows that it is ready.
struct ServerProbe: Sendable {
    /// Judges everything received so far: nil where more is needed.
    typealias Judge = @Sendable (String) -> Bool?

    var address: SocketAddress
    var question: String
    var judge: Judge

    /// How long one attempt may take; a server may accept connections long before it answers.
    private static let patience = TimeAmount.seconds(1)

    /// Asks once, on a connection of its own; false where there was no connection or not the right answer.
    func ask() async -> Bool {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = eventLoop.makePromise(of: Bool.self)
        do {
            let channel = try await ClientBootstrap(group: eventLoop)
                .connectTimeout(Self.patience)
                .channelInitializer { [judge] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(AnswerHandler(answer, judge: judge))
                    }
                }
                .connect(to: address).get()
            channel.writeAndFlush(ByteBuffer(string: question), promise: nil)
            let timer = eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
            let isReady = try await answer.futureResult.get()
            timer.cancel()
            try? await channel.close()
            return isReady
        } catch {
            // Keeps the promise where the connection failed before a handler could.
            answer.succeed(false)
            return false
        }
    }
}

/// Collects an answer until it can be judged.
private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<Bool>
    private let judge: ServerProbe.Judge
    private var received = ByteBuffer()

    init(_ promise: EventLoopPromise<Bool>, judge: @escaping ServerProbe.Judge) {
        self.promise = promise
        self.judge = judge
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(unwrapInboundIn(data))
        if let verdict = judge(String(buffer: received)) { promise.succeed(verdict) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.succeed(false)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.succeed(false)
        context.close(promise: nil)
    }
}
