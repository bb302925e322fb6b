import NIOConcurrencyHelpers
import NIOCore

/// What all values of one ``Job`` share; when the last one goes unsettled, the job goes back to the queue.
final class JobHandle: Sendable {
    private enum Phase {
        /// In the delivery queue, or with the application.
        case live
        case settling
        case settled
        /// No longer ours to settle: taken back undelivered, or another owner's.
        case gone
    }

    private struct State {
        var phase = Phase.live
        var lateness: Duration = .zero
        var isLeaseLost = false
        var onLeaseLost: (@Sendable () -> Void)?
    }

    let heldID: HeldJobID
    let id: JobID
    let fireTime: Timestamp
    let headers: JobHeaders
    let body: ByteBuffer
    let attempt: Int
    let failures: Int
    /// Completed before it was delivered, at most once: there is nothing to settle, and no way back.
    let isCompleted: Bool
    private let engine: ConsumerEngine
    private let state = NIOLockedValueBox(State())

    /// - Parameter isCompleted: it was completed before, and takes no settlement.
    init(
        _ heldID: HeldJobID, id: JobID, record: JobRecord, attempt: Int, failures: Int, isCompleted: Bool,
        engine: ConsumerEngine
    ) {
        self.isCompleted = isCompleted
        self.heldID = heldID
        self.id = id
        self.fireTime = record.fireTime ?? .now()
        self.headers = record.headers
        self.body = record.body ?? ByteBuffer()
        self.attempt = attempt
        self.failures = failures
        self.engine = engine
    }

    deinit {
        let (isLive, isLeaseLost) = state.withLockedValue { ($0.phase == .live, $0.isLeaseLost) }
        if isLive, !isCompleted { engine.dropped(heldID, job: id, isLeaseLost: isLeaseLost) }
    }

    // MARK: Delivery

    /// The job goes to the application.
    ///
    /// - Returns: false where it is no longer ours to give.
    func deliver(at now: Timestamp) -> Bool {
        state.withLockedValue { state in
            guard state.phase == .live else { return false }
            state.lateness = max(fireTime.duration(to: now), .zero)
            return true
        }
    }

    /// The engine takes the job back undelivered.
    func withdraw() -> Bool {
        state.withLockedValue { state in
            guard state.phase == .live else { return false }
            state.phase = .gone
            return true
        }
    }

    var lateness: Duration { state.withLockedValue { $0.lateness } }

    // MARK: Lease

    var isLeaseLost: Bool { state.withLockedValue { $0.isLeaseLost } }

    /// Another owner may run the job from now on.
    ///
    /// Settling stays allowed: the ledger accepts a completion as long as nobody else has taken over.
    func loseLease() {
        let notify = state.withLockedValue { state -> (@Sendable () -> Void)? in
            state.isLeaseLost = true
            defer { state.onLeaseLost = nil }
            return state.onLeaseLost
        }
        notify?()
    }

    /// Calls the closure when the lease is lost; at once if it is.
    func onLeaseLost(_ notify: @escaping @Sendable () -> Void) {
        let isLost = state.withLockedValue { state in
            if state.isLeaseLost { return true }
            state.onLeaseLost = notify
            return false
        }
        if isLost { notify() }
    }

    // MARK: Settling

    var isLive: Bool { state.withLockedValue { $0.phase == .live } }

    var policyDelay: Duration { engine.policyDelay(afterFailures: failures + 1) ?? .zero }

    func settle(_ settlement: Settlement) async throws(DelayQueueError) {
        try beginSettling()
        if let error = await engine.settle(heldID, settlement) {
            endSettling(error)
            throw error
        }
        endSettling(nil)
    }

    func settleSoon(_ settlement: Settlement) {
        do {
            try beginSettling()
        } catch {
            engine.report(error, of: id)
            return
        }
        state.withLockedValue { $0.phase = .settled }
        engine.settleSoon(heldID, settlement)
    }

    private func beginSettling() throws(DelayQueueError) {
        guard !isCompleted else {
            throw DelayQueueError(
                .alreadySettled, "job \(id) was completed before it was delivered, at most once; it takes no settlement"
            )
        }
        let phase = state.withLockedValue { state in
            defer { if state.phase == .live { state.phase = .settling } }
            return state.phase
        }
        switch phase {
        case .live: return
        case .gone: throw .claimLost
        case .settling, .settled:
            throw DelayQueueError(.alreadySettled, "job \(id) was settled already; settle each job once")
        }
    }

    private func endSettling(_ error: DelayQueueError?) {
        state.withLockedValue { state in
            guard state.phase == .settling else { return }
            guard let error else {
                state.phase = .settled
                return
            }
            state.phase = error.leavesJobUnsettled ? .live : .gone
        }
    }
}
