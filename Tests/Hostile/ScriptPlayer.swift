import NIOCore

/// Plays one connection's part of a ``HostileServer``.
final class ScriptPlayer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var steps: ArraySlice<HostileServer.Step>
    private let onSent: (Int) -> Void
    private let onAnswer: () -> Void
    private var heard = ""

    init(_ steps: [HostileServer.Step], onSent: @escaping (Int) -> Void, onAnswer: @escaping () -> Void) {
        self.steps = steps[...]
        self.onSent = onSent
        self.onAnswer = onAnswer
    }

    func channelActive(context: ChannelHandlerContext) {
        play(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Lines may come in pieces; texts to hear have no line end in them, and so nothing is lost at the seams.
        heard += String(buffer: unwrapInboundIn(data))
        play(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func play(_ context: ChannelHandlerContext) {
        while let step = steps.first {
            switch step {
            case .say(let text): write(ByteBuffer(string: text), context)
            case .send(let bytes): write(ByteBuffer(bytes: bytes), context)
            case .hear(let text): guard hear(text) else { return }
            case .answerFirst(let choices):
                guard let choice = choices.first(where: { hear($0.request) }) else { return }
                write(ByteBuffer(string: choice.reply), context)
            case .sayForEver(let text):
                repeatForEver(
                    ByteBuffer(string: String(repeating: text, count: max(1, 16_384 / text.utf8.count))), context)
                return
            case .answer(let request, let reply):
                while hear(request) {
                    write(ByteBuffer(string: reply), context)
                    onAnswer()
                }
                return
            case .hangUp: context.close(promise: nil)
            }
            steps = steps.dropFirst()
        }
    }

    private func hear(_ text: String) -> Bool {
        guard let found = heard.firstRange(of: text) else { return false }
        heard = String(heard[found.upperBound...])
        return true
    }

    private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    private func repeatForEver(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let player = NIOLoopBound(self, eventLoop: context.value.eventLoop)
        context.value.writeAndFlush(wrapOutboundOut(bytes)).whenSuccess {
            player.value.onSent(bytes.readableBytes)
            player.value.repeatForEver(bytes, context.value)
        }
    }
}
