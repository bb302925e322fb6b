import CommandSupport
import DelayQueue
import NIOConcurrencyHelpers

/// One `dq consume`: takes jobs until there is a reason to stop, then ends in order.
final class ConsumeSession: Sendable {
    private let consumer: Consumer
    private let concurrency: Int
    private let action: JobAction
    private let state: NIOLockedValueBox<ConsumeState>
    private let events: AsyncStream<Event>
    private let report: AsyncStream<Event>.Continuation
    /// What keeps this process from doing its work.
    private let failure = NIOLockedValueBox<(any Error)?>(nil)

    /// How long jobs may go on running once the process was asked to end.
    private static let interruptionGrace = Duration.seconds(5)
    /// How long the last settlements may take.
    private static let closeLimit = Duration.seconds(5)

    private enum Event: Sendable, Equatable {
        /// No more jobs; those that run may take their time.
        case finish
        /// No more jobs; those that run have the grace.
        case interrupt
        /// The last job that ran has ended.
        case drained
        case graceOver
        case ended
    }

    init(consumer: Consumer, concurrency: Int, maximum: Int?, action: JobAction) {
        self.consumer = consumer
        self.concurrency = min(concurrency, maximum ?? .max)
        self.action = action
        state = NIOLockedValueBox(ConsumeState(maximum: maximum))
        (events, report) = AsyncStream.makeStream()
    }

    // MARK: Reasons to stop

    /// Takes no more jobs, and gives those that run a few seconds. What is not settled a little later is left to its
    /// lease.
    func interrupt() {
        consumer.stop(after: Self.interruptionGrace + Consumer.settlingGrace)
        stop(.interrupt)
    }

    /// Kills what runs, as the process is about to end, and gives back what can be given back at once.
    func interruptAtOnce() {
        consumer.stop(after: .milliseconds(500))
        action.kill()
    }

    /// Takes no more jobs and lets those that run end.
    func finish() { stop(.finish) }

    private func stop(_ reason: Event) {
        let isDrained = state.withLockedValue { $0.stop() }
        report.yield(reason)
        if isDrained { report.yield(.drained) }
    }

    var isBusy: Bool { state.withLockedValue { $0.running > 0 } }

    // MARK: Running

    /// Runs until stopped, then closes the consumer.
    ///
    /// - Parameter watch: runs alongside and may stop the session; what it throws ends it. Cancelled with it.
    /// - Throws: what ended the stream of jobs or the watch; `StreamFailure` where jobs could not be printed,
    ///   `CommandNotStarted`; `CancellationError`.
    func run(alongside watch: @escaping @Sendable () async throws -> Void) async throws {
        let result: Result<Void, any Error>
        do {
            try await action.watched { try await runUntilStopped(alongside: watch) }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await consumer.close(within: Self.closeLimit)
        if let failure = failure.withLockedValue({ $0 }) { throw failure }
        try result.get()
    }

    private func runUntilStopped(alongside watch: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Event?.self) { group in
            group.addTask {
                try await self.consumer.run(concurrency: self.concurrency) { try await self.handle($0) }
                return .ended
            }
            group.addTask {
                try await watch()
                return nil
            }
            group.addTask { await self.nextEvent() }
            while let event = try await group.next() {
                switch event {
                case .finish, .interrupt:
                    await consumer.finish()
                    group.addTask { await self.nextEvent() }
                    guard event == .interrupt else { continue }
                    group.addTask {
                        try await Task.sleep(for: Self.interruptionGrace)
                        return .graceOver
                    }
                    continue
                case nil:
                    continue
                case .drained, .graceOver, .ended:
                    break
                }
                break
            }
            // Whatever still runs is cut short, and gives its job back.
            group.cancelAll()
            do {
                while try await group.next() != nil {}
            } catch is CancellationError {
                // That is how the tasks cancelled here end.
            }
        }
        try Task.checkCancellation()
    }

    private func nextEvent() async -> Event? {
        for await event in events { return event }
        return nil
    }

    private func handle(_ job: Job) async throws {
        switch state.withLockedValue({ $0.arrived() }) {
        case .giveBack:
            // A job that was completed before its delivery cannot be given back: it runs, although no more were wanted.
            if !job.isCompletedBeforeDelivery { try await giveBack() }
        case .runAsLast: report.yield(.finish)
        case .run: break
        }
        do {
            try await action.perform(job, outputFailed: stop)
        } catch  where error is StreamFailure || error is CommandNotStarted {
            // Nobody reads any more, or the disk is full: what cannot be printed was not delivered. And whoever cannot
            // start commands must take no jobs from those who can.
            ended()
            stop(error)
            try await giveBack()
        } catch {
            ended()
            throw error
        }
        ended()
    }

    private func stop(_ error: any Error) {
        failure.withLockedValue { $0 = $0 ?? error }
        interrupt()
    }

    private func ended() {
        if state.withLockedValue({ $0.ended() }) { report.yield(.drained) }
    }

    /// Gives the job at hand back uncounted, which is what cancelling its handler does; the session's end does that.
    private func giveBack() async throws -> Never {
        while true { try await Task.sleep(for: .seconds(3600)) }
    }
}
