import NIOConcurrencyHelpers
import NIOCore

/// What all values of one ``Job`` share; when the last one goes unsettled, the job goes back to the queue.
final class JobHandle: Sendable {
    let heldID: HeldJobID
    let record: JobContents
    /// The job's fire time; for a foreign job, which has none, the time of its delivery.
    let fireTime: Timestamp
    let attempt: Int
    let failures: JobFailures
    /// Whether the job was completed before it was delivered, so that there is nothing to settle and it cannot be given
    /// back.
    let isCompleted: Bool
    let state: JobState
    let owner: any JobOwner

    /// - Parameter isCompleted: whether the job was completed before, and takes no settlement.
    init(
        _ heldID: HeldJobID, record: JobContents, fireTime: Timestamp, attempt: Int, failures: JobFailures,
        isCompleted: Bool = false, owner: any JobOwner
    ) {
        self.isCompleted = isCompleted
        self.heldID = heldID
        self.record = record
        self.state = JobState(contents: record)
        self.fireTime = fireTime
        self.attempt = attempt
        self.failures = failures
        self.owner = owner
    }

    deinit {
        if !isCompleted, let isLeaseLost = state.leaseIfLive {
            owner.dropped(heldID, job: id, isLeaseLost: isLeaseLost)
        }
    }

    var id: JobID { record.id }

    var headers: JobHeaders { record.record.headers }

    var body: ByteBuffer { record.record.body ?? ByteBuffer() }

    var lateness: Duration { .microseconds(state.lateness) }

    var isLeaseLost: Bool { state.isLeaseLost }

    // MARK: Delivery

    /// The job goes to the application.
    ///
    /// - Returns: false where it is no longer ours to give.
    func deliver(at now: Timestamp) -> Bool {
        state.deliver(lateness: now.microseconds &- fireTime.microseconds)
    }

    // MARK: Settling

    var policyDelay: Duration { owner.policyDelay(afterFailures: failures.errors + 1) ?? .zero }

    func settle(_ settlement: Settlement) async throws(DelayQueueError) {
        try beginSettling(as: .settling)
        if let error = await owner.settle(heldID, settlement) {
            state.endSettling(isStillLive: error.leavesJobUnsettled)
            throw error
        }
        state.endSettling(isStillLive: nil)
    }

    func settleSoon(_ settlement: Settlement) {
        do {
            try beginSettling(as: .settled)
        } catch {
            owner.report(error, of: id)
            return
        }
        owner.settleSoon(heldID, settlement)
    }

    private func beginSettling(as phase: JobState.Phase) throws(DelayQueueError) {
        guard !isCompleted else {
            throw DelayQueueError(
                .alreadySettled, "job \(id) was completed before it was delivered, at most once; it takes no settlement"
            )
        }
        switch state.beginSettling(as: phase) {
        case .live: return
        case .gone: throw .claimLost
        case .settling, .settled:
            throw DelayQueueError(.alreadySettled, "job \(id) was settled already; settle each job once")
        }
    }
}
