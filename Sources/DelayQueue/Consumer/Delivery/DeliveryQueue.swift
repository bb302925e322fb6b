import DequeModule
import NIOConcurrencyHelpers

/// Where claimed jobs meet the tasks that iterate a consumer.
///
/// A lock, not the engine's actor: taking a job that is there already costs no hop and no suspension.
final class DeliveryQueue: Sendable {
    private typealias Waiter = CheckedContinuation<Job?, any Error>

    private enum Ending {
        case finished
        case failed(DelayQueueError)
    }

    private struct State {
        var ready: Deque<Job> = []
        var waiters: Deque<(id: UInt64, waiter: Waiter)> = []
        var lastWaiter: UInt64 = 0
        var ending: Ending?
        var meter = DemandMeter()
        var clock = FleetClock()
        var lastTaken = Uptime(microseconds: 0)
        /// Whether a task has ever asked for a job, and who waits for that.
        var hasBegun = false
        var beginWaiters: [CheckedContinuation<Void, Never>] = []
    }

    private enum Taken {
        case job(Job, refill: Bool)
        case end
        case failure(DelayQueueError)
        case cancelled
        case nothing
    }

    private let state = NIOLockedValueBox(State())

    /// Whether jobs come completed, so that none can be recalled and each waits here until a task asks for it.
    private let isAtMostOnce: Bool

    /// Told when a task begins and ends to wait here.
    private let clock: any EngineClock

    init(isAtMostOnce: Bool, clock: any EngineClock) {
        self.isAtMostOnce = isAtMostOnce
        self.clock = clock
    }

    // MARK: Iterators

    /// The next job; nil once the consumer has finished.
    ///
    /// - Parameter poke: called when the engine should look at the demand.
    func next(poke: @Sendable () -> Void) async throws -> Job? {
        if Task.isCancelled { throw CancellationError() }
        switch take() {
        case .job(let job, let refill):
            if refill { poke() }
            return job
        case .end: return nil
        case .failure(let error): throw error
        case .cancelled, .nothing: break
        }
        let id = state.withLockedValue { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                wait(waiter, id: id)
                poke()
            }
        } onCancel: {
            cancel(id)
            poke()
        }
    }

    private func take() -> Taken {
        let now = clock.read()
        return state.withLockedValue { state in
            if !state.hasBegun { Self.begin(&state) }
            return Self.take(from: &state, now: now)
        }
    }

    private static func begin(_ state: inout State) {
        state.hasBegun = true
        for waiter in state.beginWaiters { waiter.resume() }
        state.beginWaiters = []
    }

    /// Returns once a task has asked for a job, or nobody will.
    func begun() async {
        await withCheckedContinuation { waiter in
            state.withLockedValue { state in
                if state.hasBegun || state.ending != nil { waiter.resume() } else { state.beginWaiters.append(waiter) }
            }
        }
    }

    private static func take(from state: inout State, now: Moment) -> Taken {
        while let job = state.ready.popFirst() {
            guard job.handle.deliver(at: state.clock.time(now)) else { continue }
            state.meter.took(now: now.uptime)
            state.lastTaken = now.uptime
            return .job(job, refill: state.ready.count <= state.meter.horizon(now: now.uptime) / 2)
        }
        return switch state.ending {
        case .finished: .end
        case .failed(let error): .failure(error)
        case nil: .nothing
        }
    }

    private func wait(_ waiter: Waiter, id: UInt64) {
        let now = clock.read()
        let taken = state.withLockedValue { state in
            // A job may have arrived, or the task been cancelled, since we looked. A cancellation after this check
            // finds the waiter in the queue.
            let taken = Self.take(from: &state, now: now)
            guard case .nothing = taken else { return taken }
            if Task.isCancelled { return .cancelled }
            state.waiters.append((id, waiter))
            clock.busyTasksChanged(by: -1)
            return .nothing
        }
        switch taken {
        case .job(let job, _): waiter.resume(returning: job)
        case .end: waiter.resume(returning: nil)
        case .failure(let error): waiter.resume(throwing: error)
        case .cancelled: waiter.resume(throwing: CancellationError())
        case .nothing: break
        }
    }

    private func cancel(_ id: UInt64) {
        let waiter = state.withLockedValue { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
            clock.busyTasksChanged(by: 1)
            return state.waiters.remove(at: index).waiter
        }
        waiter?.resume(throwing: CancellationError())
    }

    // MARK: Engine

    /// By this clock jobs are told how late they are.
    func setClock(_ clock: FleetClock) {
        state.withLockedValue { $0.clock = clock }
    }

    /// Hands jobs over, first to the tasks that wait.
    func push(_ jobs: [Job]) {
        let now = clock.read()
        var served: [(Waiter, Job)] = []
        state.withLockedValue { state in
            for job in jobs {
                guard !state.waiters.isEmpty else {
                    state.ready.append(job)
                    continue
                }
                guard job.handle.deliver(at: state.clock.time(now)), let next = state.waiters.popFirst() else {
                    continue
                }
                state.meter.took(now: now.uptime)
                state.lastTaken = now.uptime
                served.append((next.waiter, job))
            }
        }
        clock.busyTasksChanged(by: served.count)
        for (waiter, job) in served { waiter.resume(returning: job) }
    }

    /// How many more jobs the application will take within the demand horizon.
    func demand(now: Uptime) -> Int {
        state.withLockedValue { state in
            guard state.ending == nil else { return 0 }
            let ahead = isAtMostOnce ? 0 : state.meter.horizon(now: now)
            let wanted = state.waiters.count + ahead
            let missing = wanted - state.ready.count
            // Fetched many at a time, not one for each that was taken.
            return missing * 8 < wanted ? 0 : missing
        }
    }

    /// Jobs that were fetched ahead of an application that has not come for them for a while.
    func recallStale(now: Uptime) -> [Job] {
        state.withLockedValue { state in
            guard now - state.lastTaken > DemandMeter.window * 2 else { return [] }
            return recall(from: &state)
        }
    }

    /// Every job not taken yet that can go back to the queue.
    func recallAll() -> [Job] {
        state.withLockedValue { recall(from: &$0) }
    }

    private func recall(from state: inout State) -> [Job] {
        guard !state.ready.isEmpty, !isAtMostOnce else { return [] }
        defer { state.ready.removeAll() }
        return Array(state.ready)
    }

    /// No more jobs: whoever waits gets nil, or the error.
    func end(throwing error: DelayQueueError? = nil) {
        let waiters = state.withLockedValue { state -> [Waiter] in
            if state.ending == nil { state.ending = error.map { .failed($0) } ?? .finished }
            Self.begin(&state)
            defer { state.waiters.removeAll() }
            return state.waiters.map(\.waiter)
        }
        clock.busyTasksChanged(by: waiters.count)
        for waiter in waiters {
            if let error { waiter.resume(throwing: error) } else { waiter.resume(returning: nil) }
        }
    }

    /// How many jobs wait to be taken.
    var count: Int { state.withLockedValue { $0.ready.count } }

    /// Whether jobs wait that go back to the queue when nobody comes for them.
    var mayGoStale: Bool { !isAtMostOnce && count > 0 }

    var hasEnded: Bool { state.withLockedValue { $0.ending != nil } }
}
