import Beanstalk
import DelayQueue
import NIOCore
import PipelinedTransport

/// The nodes of a ``TestQueue``, and the way to them. What is in them is used on their event loop only.
struct InProcessNodes: LocalServers {
    struct Unreachable: Error, CustomStringConvertible {
        let description: String
    }

    private let eventLoop: TestEventLoop
    private let nodes: NIOLoopBound<[InProcessNode]>
    let addresses: [ServerAddress]

    /// - Precondition: called on the event loop.
    init(count: Int, largestBody: Int, eventLoop: TestEventLoop) {
        self.eventLoop = eventLoop
        addresses = (1...max(count, 1)).map { .hostname("node\($0).test", port: BeanstalkNode.defaultPort) }
        nodes = NIOLoopBound(
            addresses.map {
                InProcessNode($0, serverID: Self.randomID(), largestBody: largestBody, eventLoop: eventLoop)
            }, eventLoop: eventLoop)
    }

    static func randomID() -> ServerID { ServerID(.random(in: 1 ... .max)) }

    func connect(
        to address: ServerAddress, on eventLoop: any EventLoop, receive: @escaping @Sendable (ByteChannelEvent) -> Void
    ) -> EventLoopFuture<any ByteChannel> {
        guard let node = nodes.value.first(where: { $0.address == address }) else {
            return eventLoop.makeFailedFuture(Unreachable(description: "the test has no node \(address)"))
        }
        guard let connection = node.connect(receive) else {
            return eventLoop.makeFailedFuture(Unreachable(description: "the test stopped \(address)"))
        }
        let channel = NIOLoopBound<any ByteChannel>(connection, eventLoop: eventLoop)
        return eventLoop.makeSucceededVoidFuture().map { channel.value }
    }

    /// Does something with the nodes, on their loop.
    func with<Result: Sendable>(_ body: @escaping @Sendable ([InProcessNode]) -> Result) async -> Result {
        await withCheckedContinuation { waiter in
            eventLoop.execute { waiter.resume(returning: body(nodes.value)) }
        }
    }
}
