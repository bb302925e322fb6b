package import Logging
public import NIOCore

/// One lazily made connection to a server that answers requests in order.
///
/// The actor runs on the connection's event loop, so talking to the channel needs no lock and no hop. All callers
/// share the connection: what they send in one turn of the loop is flushed once.
///
/// Nothing is opened before the first request. A lost connection is made anew by the next request, after an
/// exponential backoff while attempts fail; requests inside the backoff fail at once with `backingOff`.
/// A timeout or a cancelled task ends one wait only: the connection and everybody else's requests go on.
public final actor PipelinedConnection<Decoder: ReplyDecoder> {
    public typealias Reply = Decoder.Reply

    public nonisolated let unownedExecutor: UnownedSerialExecutor
    public nonisolated let eventLoop: any EventLoop
    public nonisolated let address: ServerAddress

    @usableFromInline nonisolated let driver: NIOLoopBoundBox<ConnectionDriver<Decoder>>

    /// - Parameter eventLoop: where the connection and this actor run; give one loop to connections that work together.
    /// - Parameter preamble: what opens every connection, such as a login.
    package init(
        address: ServerAddress,
        configuration: ConnectionConfiguration = .init(),
        eventLoop: any EventLoop,
        preamble: ConnectionPreamble<Reply> = .none,
        logger: Logger,
        makeDecoder: @escaping @Sendable () -> Decoder
    ) {
        self.unownedExecutor = eventLoop.executor.asUnownedSerialExecutor()
        self.eventLoop = eventLoop
        self.address = address
        var logger = logger
        logger[metadataKey: "dq.address"] = "\(address)"
        self.driver = .makeBoxSendingValue(
            ConnectionDriver(
                address: address, configuration: configuration, eventLoop: eventLoop, preamble: preamble,
                logger: logger,
                makeDecoder: makeDecoder),
            eventLoop: eventLoop)
    }

    // MARK: Requests

    /// Sends a batch and waits for all its replies.
    ///
    /// Never throws: the outcome carries the replies that came and why others did not. Cancelling the task ends the
    /// wait; what was already written is answered into the void, through `whenAbandoned`.
    @inlinable package func send(_ batch: RequestBatch<Reply>) async -> BatchOutcome<Reply> {
        if Task.isCancelled { return onLoop.cancelledUnsent }
        let id = onLoop.makeID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                // Where the task prefers an executor, getting here may have taken a turn of the loop, in which a
                // cancellation found nothing to abandon.
                if Task.isCancelled { return waiter.resume(returning: onLoop.cancelledUnsent) }
                onLoop.start(batch, id: id, waiter: BatchWaiter { waiter.resume(returning: $0) })
            }
        } onCancel: {
            abandonSoon(id)
        }
    }

    /// ``send(_:)`` for tasks whose executor is the connection's event loop: they need not be scheduled on it again, and
    /// what they send leaves in this turn. Stops the program where the task runs elsewhere.
    ///
    /// The same steps as there, and not shared: within a function that is isolated to nothing the closures below run where
    /// the task's own executor is, and not on the actor that calls.
    @inlinable package nonisolated func sendFromLoop(_ batch: RequestBatch<Reply>) async -> BatchOutcome<Reply> {
        if Task.isCancelled { return onLoop.cancelledUnsent }
        let id = onLoop.makeID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                if Task.isCancelled { return waiter.resume(returning: onLoop.cancelledUnsent) }
                onLoop.start(
                    batch, id: id, waiter: BatchWaiter { waiter.resume(returning: $0) }, flushesAtOnce: true)
            }
        } onCancel: {
            abandonSoon(id)
        }
    }

    /// The connection for whoever runs on its event loop already.
    ///
    /// Stops the program where that is not so.
    @inlinable package nonisolated var onLoop: ConnectionDriver<Decoder> { driver.value }

    /// Ends the wait for a posted batch, as cancelling the task does that waits in ``send(_:)``, from any thread and
    /// in a later turn of the loop.
    @usableFromInline package nonisolated func abandonSoon(_ id: UInt64) {
        eventLoop.execute { [driver] in driver.value.abandon(id) }
    }

    /// What the connection is doing now.
    package var status: ConnectionStatus { onLoop.status }

    // MARK: Closing

    /// Drops the current connection, if any: waiting requests fail with `connectionLost`, the next one connects at once.
    public func disconnect() {
        onLoop.disconnect()
    }

    /// Takes no more requests, waits for the replies still due, and closes.
    ///
    /// Not interrupted by cancellation. Calling it again waits for the same end.
    ///
    /// - Parameter limit: how long to wait for replies; what is unanswered then fails with `closed`.
    public func close(drainingFor limit: Duration = .seconds(1)) async {
        var timer: Scheduled<Void>?
        await withCheckedContinuation { drained in
            onLoop.close(drained)
            // Not before: getting here takes a turn of the loop where the task prefers an executor, and the limit would
            // find nothing to end.
            timer = eventLoop.scheduleTask(in: TimeAmount(limit)) { [driver] in driver.value.finishClosing() }
        }
        timer?.cancel()
    }
}

extension PipelinedConnection: CustomReflectable {
    /// The address only: what opens a connection may be a login.
    public nonisolated var customMirror: Mirror { Mirror(self, children: ["address": address]) }
}
