import NIOCore
import NIOPosix

/// The connections of a proxy, and what happens to them; runs on the event loop all of them are on.
actor ProxyCore {
    nonisolated let unownedExecutor: UnownedSerialExecutor
    nonisolated let eventLoop: any EventLoop
    private let server: SocketAddress

    private var fault = Fault.none
    private var connections: [Int: ProxyConnection] = [:]
    private var lastID = 0
    private(set) var activity = FaultProxy.Activity()
    private var waiters = ConditionWaiters<FaultProxy.Activity, CheckedContinuation<Void, any Error>>()
    private var lastWaiterID: UInt64 = 0

    init(eventLoop: any EventLoop, server: SocketAddress) {
        self.unownedExecutor = eventLoop.executor.asUnownedSerialExecutor()
        self.eventLoop = eventLoop
        self.server = server
    }

    // MARK: Faults

    func set(_ fault: Fault) {
        self.fault = fault
        if fault == .refuse { resetAll() }
        for id in connections.keys {
            for direction in Fault.Direction.allCases {
                connections[id]?[direction].timer?.cancel()
                connections[id]?[direction].timer = nil
                relay(id, direction)
            }
        }
    }

    func cutAll() async {
        for closed in resetAll() {
            // A future that fails belongs to a channel that is closed as well.
            try? await closed.get()
        }
    }

    /// - Returns: futures of the ends of all channels.
    @discardableResult
    func resetAll() -> [EventLoopFuture<Void>] {
        connections.keys.flatMap { id in
            connections[id]?.isCut = true
            let channels = connections[id]?.channels ?? []
            for channel in channels { channel.reset() }
            return channels.map(\.closeFuture)
        }
    }

    // MARK: Connections

    /// Sets the channel of a new client up.
    func accept(_ client: any Channel) -> EventLoopFuture<Void> {
        lastID += 1
        let id = lastID
        return eventLoop.makeCompletedFuture {
            try client.pipeline.syncOperations.addHandler(RelayHandler(core: self, id: id, direction: .toServer))
        }
    }

    /// The connection to a client is there; the one to the server is made for it.
    func clientConnected(_ client: any Channel, id: Int) {
        guard fault != .refuse else {
            client.close(promise: nil)
            note {
                $0.acceptedConnections += 1
                $0.refusedConnections += 1
            }
            return
        }
        connections[id] = ProxyConnection(client: client)
        note {
            $0.acceptedConnections += 1
            $0.openConnections += 1
        }
        ClientBootstrap(group: eventLoop)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        RelayHandler(core: self, id: id, direction: .toClient))
                }
            }
            .connect(to: server)
            .whenComplete { result in
                self.assumeIsolated { $0.serverConnected(result, id: id) }
            }
    }

    private func serverConnected(_ result: Result<any Channel, any Error>, id: Int) {
        switch result {
        case .failure:
            connections[id]?.isServerClosed = true
            connections[id]?.client.reset()
            removeIfClosed(id)
        case .success(let channel):
            connections[id]?.server = channel
            if connections[id]?.isCut ?? true { channel.reset() }
            relay(id, .toServer)
        }
    }

    func received(_ bytes: ByteBuffer, id: Int, direction: Fault.Direction) {
        note { $0.sees(bytes.readableBytes, direction) }
        connections[id]?[direction].queue.append(bytes, at: .now())
        relay(id, direction)
    }

    /// The sender of this direction sends no more.
    func ended(id: Int, direction: Fault.Direction) {
        connections[id]?[direction].queue.appendEnd(at: .now())
        relay(id, direction)
    }

    /// The channel of this direction's sender is closed.
    ///
    /// - Parameter isReset: whether an error closed it. That passes to the other end at once, whatever the fault.
    func closed(id: Int, direction: Fault.Direction, isReset: Bool) {
        switch direction {
        case .toServer:
            guard connections[id] != nil else { return }
            connections[id]?.isClientClosed = true
            note { $0.openConnections -= 1 }
        case .toClient:
            connections[id]?.isServerClosed = true
        }
        if isReset {
            connections[id]?.receiver(direction)?.reset()
            connections[id]?.isCut = true
        } else {
            ended(id: id, direction: direction)
        }
        removeIfClosed(id)
    }

    private func removeIfClosed(_ id: Int) {
        guard let connection = connections[id], connection.isClientClosed, connection.isServerClosed else { return }
        for direction in Fault.Direction.allCases { connection[direction].timer?.cancel() }
        connections[id] = nil
    }

    // MARK: Relaying

    /// Sends on what the fault allows to be sent on now.
    private func relay(_ id: Int, _ direction: Fault.Direction) {
        while let connection = connections[id], !connection.isCut, connection[direction].timer == nil,
            let receiver = connection.receiver(direction)
        {
            switch connections[id]?[direction].queue.next(under: fault, direction: direction, now: .now()) {
            case .write(let bytes):
                write(bytes, to: receiver, id: id, direction: direction)
            case .writeThenWait(let bytes, let time):
                write(bytes, to: receiver, id: id, direction: direction)
                schedule(at: .now() + time, id: id, direction: direction)
            case .wait(let time):
                schedule(at: time, id: id, direction: direction)
            case .end:
                // Closed once everything before it has been written.
                receiver.writeAndFlush(ByteBuffer()).whenComplete { _ in receiver.close(mode: .output, promise: nil) }
            case .nothing, nil:
                return
            }
        }
    }

    private func write(_ bytes: ByteBuffer, to receiver: any Channel, id: Int, direction: Fault.Direction) {
        guard receiver.isActive else {
            // A machine that has closed its end resets the connection too: there is nobody to take what still arrives.
            connections[id]?.sender(direction)?.reset()
            connections[id]?.isCut = true
            return
        }
        receiver.writeAndFlush(bytes, promise: nil)
        note { $0.forwards(bytes.readableBytes, direction) }
    }

    private func schedule(at time: NIODeadline, id: Int, direction: Fault.Direction) {
        connections[id]?[direction].timer = eventLoop.scheduleTask(deadline: time) {
            self.assumeIsolated {
                $0.connections[id]?[direction].timer = nil
                $0.relay(id, direction)
            }
        }
    }

    // MARK: Waiting

    func wait(until condition: @escaping @Sendable (FaultProxy.Activity) -> Bool) async throws {
        try Task.checkCancellation()
        guard !condition(activity) else { return }
        lastWaiterID += 1
        let id = lastWaiterID
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                // Looked at again: where the task prefers an executor, getting here takes a turn of the loop.
                if Task.isCancelled { return waiter.resume(throwing: CancellationError()) }
                if condition(activity) { return waiter.resume() }
                waiters.add(waiter, id: id, until: condition)
            }
        } onCancel: {
            eventLoop.execute {
                self.assumeIsolated { $0.waiters.remove(id)?.resume(throwing: CancellationError()) }
            }
        }
    }

    private func note(_ change: (inout FaultProxy.Activity) -> Void) {
        change(&activity)
        for waiter in waiters.takeSatisfied(by: activity) { waiter.resume() }
    }
}
