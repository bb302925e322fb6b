import NIOCore
import PipelinedTransport

extension ConnectionPreamble<BeanstalkReply> {
    /// Chooses the tubes of a new connection, where they are not the ones it starts with, and asks who the server is.
    static func opening(
        use: TubeName, watch: [TubeName], identifiesServer: Bool
    ) -> ConnectionPreamble {
        var commands: [BeanstalkCommand] = []
        var expected: [BeanstalkReply] = []
        if use != .default {
            commands.append(.use(use))
            expected.append(.using(use))
        }
        // A connection starts with `default`, and must watch a tube at any time.
        var watched: [TubeName] = [.default]
        for tube in watch where !watched.contains(tube) {
            watched.append(tube)
            commands.append(.watch(tube))
            expected.append(.watching(UInt32(watched.count)))
        }
        if watched.count > 1, !watch.contains(.default) {
            commands.append(.ignore(.default))
            expected.append(.watching(UInt32(watched.count - 1)))
        }
        if identifiesServer { commands.append(.stats) }
        var bytes = ByteBuffer()
        for command in commands { command.encode(into: &bytes) }
        return ConnectionPreamble(
            bytes: bytes, count: commands.count,
            explain: { error in
                guard var error = error as? BeanstalkError else { return error }
                error.detail = noBeanstalkd(error.detail)
                return error
            },
            verify: { [expected] replies in
                for (reply, expected) in zip(replies, expected) where reply != expected {
                    throw BeanstalkError(reply)
                }
                guard identifiesServer, let reply = replies.last else { return nil }
                switch reply {
                case .ok(let text):
                    return StatisticsText.value(of: "id", in: text).flatMap {
                        ServerID(String(decoding: $0, as: UTF8.self))?.rawValue
                    }
                case .outOfMemory, .internalError:
                    throw BeanstalkError(reply)
                default:
                    var error = BeanstalkError(reply)
                    error.detail = noBeanstalkd("stats was answered with \(reply.word)")
                    throw error
                }
            })
    }

    private static func noBeanstalkd(_ detail: String?) -> String {
        if let detail, detail.hasPrefix("\\x15\\x03") {
            return "this is no beanstalkd: it speaks TLS, and was spoken to without"
        }
        return "this is no beanstalkd" + (detail.map { ": \($0)" } ?? "")
    }
}
