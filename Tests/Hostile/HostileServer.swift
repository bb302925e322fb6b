import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A server on a free loopback port that follows a script on each of its first connections, and behaves on all later
/// ones: it passes them on to a real server.
final class HostileServer: Sendable {
    enum Step: Sendable {
        /// Sends the text.
        case say(String)
        /// Sends the bytes.
        case send([UInt8])
        /// Waits until the client has sent the text, after what was heard before.
        case hear(String)
        /// Sends the text again and again until the client hangs up.
        case sayForEver(String)
        /// Waits for the first of some texts, and answers it with what belongs to it.
        case answerFirst([(request: String, reply: String)])
        /// Waits for each occurrence of the first text and answers it with the second, for ever.
        case answer(String, with: String)
        case hangUp
    }

    private struct State {
        var accepted = 0
        var answers = 0
        var sent = 0
        var closed = 0
        var waiters: [(isDue: @Sendable (State) -> Bool, promise: EventLoopPromise<Void>)] = []
    }

    private let listener: any Channel
    private let state: NIOLockedValueBox<State>

    private init(listener: any Channel, state: NIOLockedValueBox<State>) {
        self.listener = listener
        self.state = state
    }

    /// - Parameter scripts: one for each connection, in their order; after its script a connection says no more.
    /// - Parameter upstream: the port of the real server; nil refuses to go on once there is no script left.
    static func running<R>(
        _ scripts: [[Step]], inFrontOf upstream: Int? = nil, _ body: (HostileServer) async throws -> R
    ) async throws -> R {
        let state = NIOLockedValueBox(State())
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: false)
            .childChannelInitializer { channel in
                let number = update(state) {
                    $0.accepted += 1
                    return $0.accepted
                }
                channel.closeFuture.whenComplete { _ in update(state) { $0.closed += 1 } }
                if number <= scripts.count {
                    return channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            ScriptPlayer(
                                scripts[number - 1],
                                onSent: { count in update(state) { $0.sent += count } },
                                onAnswer: { update(state) { $0.answers += 1 } }))
                    }
                }
                guard let upstream else { return channel.close() }
                return Relay.join(channel, to: upstream)
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = HostileServer(listener: listener, state: state)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(server))
        } catch {
            result = .failure(error)
        }
        try? await listener.close()
        return try result.get()
    }

    var port: Int { listener.localAddress?.port ?? 0 }

    /// Connections taken so far.
    var accepted: Int { state.withLockedValue { $0.accepted } }

    /// Bytes of `sayForEver` the system has taken over.
    var sent: Int { state.withLockedValue { $0.sent } }

    /// Returns once so many connections have ended, by either side.
    func closed(_ count: Int) async throws { try await wait { $0.closed >= count } }

    /// Returns once `answer` steps have answered so often.
    func answered(_ count: Int) async throws { try await wait { $0.answers >= count } }

    private func wait(_ isDue: @escaping @Sendable (State) -> Bool) async throws {
        let promise = listener.eventLoop.makePromise(of: Void.self)
        Self.update(state) { $0.waiters.append((isDue, promise)) }
        try await promise.futureResult.get()
    }

    @discardableResult
    private static func update<R>(_ state: NIOLockedValueBox<State>, _ change: (inout State) -> R) -> R {
        let (result, due) = state.withLockedValue { state in
            let result = change(&state)
            let (due, later) = (state.waiters.filter { $0.isDue(state) }, state.waiters.filter { !$0.isDue(state) })
            state.waiters = later
            return (result, due)
        }
        for waiter in due { waiter.promise.succeed() }
        return result
    }
}
