public import Foundation
public import NIOCore

/// One run of a scheduled job, held under a lease until it is settled.
///
/// Settle each job: ``complete()``, ``retry(after:)``, ``giveBack(after:)`` or ``bury(reason:)``. A job that is let go of unsettled (after a
/// thrown error, `break`, a filter, a cancelled task) goes back to the queue at once and a warning is logged, so a
/// missing settlement is loud and loses nothing. While the job is held its lease is renewed and its copies stay
/// reserved, however long it takes; if the process dies, another consumer runs it once the lease is over.
public struct Job: Identifiable, Sendable {
    let handle: JobHandle

    /// The job's id, as in its receipt.
    public var id: JobID { handle.id }

    /// The bytes that were scheduled.
    public var body: ByteBuffer { handle.body }

    /// The bytes as UTF-8 text; what is not valid UTF-8 is replaced by U+FFFD.
    public var text: String { String(buffer: handle.body) }

    /// When the job was to fire, to the microsecond.
    public var fireDate: Date { handle.fireTime.date }

    /// The fire date to the last microsecond, which `Date` rounds.
    package var fireTimestamp: Timestamp { handle.fireTime }

    /// The number of this run, from 1: every claim granted counts, also those that ended unrun.
    ///
    /// It rises with every claim, so a store that remembers the highest it has seen can refuse a stale run (fencing).
    /// Where the ledger lost its records it begins at 1 again.
    public var attempt: Int { handle.attempt }

    /// How many runs ended in a retry, as their handlers threw.
    public var failures: Int { handle.failures.errors }

    /// How many runs ended with their lease: the process died, or was not heard of for a lease. Of a job that was
    /// fetched ahead, the run may not have begun.
    public var endedLeases: Int { handle.failures.endedLeases }

    /// What the producer sent along; empty for go-queue's records.
    public var headers: JobHeaders { handle.headers }

    /// How long after its fire date the job was delivered; never negative.
    public var lateness: Duration { handle.lateness }

    /// True once the lease ended without a renewal, or was taken over: another consumer may run the job.
    ///
    /// Settling is still allowed, and accepted as long as nobody has taken over; else it throws `claimLost`.
    public var isLeaseLost: Bool { handle.isLeaseLost }

    /// Whether the job was completed before it was delivered, under ``DeliveryGuarantee/atMostOnce``; it then takes no
    /// settlement.
    package var isCompletedBeforeDelivery: Bool { handle.isCompleted }

    /// Whether the run of the job was cancelled by its consumer, which ends, or by the loss of its lease; and not by itself, as a
    /// handler may cancel the task that it runs in. Outside of a run, whether the task that asks is cancelled.
    package var isRunCancelled: Bool { handle.state.isRunCancelled ?? Task.isCancelled }

    /// Decodes the body as JSON.
    ///
    /// - Throws: `decodingFailed`; the job stays unsettled.
    public func decode<Value: Decodable>(
        _ type: Value.Type = Value.self, using decoder: JSONDecoder = JSONDecoder()
    ) throws(DelayQueueError) -> Value {
        do {
            return try decoder.decode(type, from: Data(handle.body.readableBytesView))
        } catch {
            throw DelayQueueError(
                .decodingFailed, "body of job \(id) is not the JSON of \(type): \(error)", underlying: error)
        }
    }

    // MARK: Settling

    /// Records in the ledger that the job is done; it never runs again.
    ///
    /// Returns once the ledger has confirmed, which is the commit point; the copies are deleted afterwards. Not
    /// interrupted by cancellation. While the ledger is away it is tried for
    /// ``ConsumerConfiguration/settleTimeout``.
    ///
    /// - Throws: `claimLost` (the lease ended and another run may have begun, or the ledger lost the record),
    ///   `ledgerUnavailable` (the job stays yours: call again, or let go of it), `ledgerRecordUnreadable`,
    ///   `ledgerMisconfigured`, `closed` (the consumer was closed before; the job runs again), `alreadySettled`.
    public func complete() async throws(DelayQueueError) {
        try await handle.settle(.complete)
    }

    /// Completes the job without waiting: the settlement leaves with the next batch, and a failure is logged and
    /// counted.
    ///
    /// Where the process dies before the ledger has recorded the completion, the job runs again.
    public func completeSoon() {
        handle.settleSoon(.complete)
    }

    /// Runs the job again after a delay, and counts a failure.
    ///
    /// - Parameter delay: the time until the next run, from now; by default what the consumer's retry policy says.
    ///   A job whose failures are used up is given up instead of run, as by ``bury(reason:)``.
    /// - Throws: as ``complete()``.
    public func retry(after delay: Duration? = nil) async throws(DelayQueueError) {
        try await handle.settle(.retry(after: max(delay ?? handle.policyDelay, .zero)))
    }

    /// Gives the job back to the queue as one that was not run: no failure is counted, and any consumer may run it.
    ///
    /// - Parameter delay: the time until it may be claimed again, from now.
    /// - Throws: as ``complete()``.
    public func giveBack(after delay: Duration = .zero) async throws(DelayQueueError) {
        try await handle.settle(.giveBack(after: max(delay, .zero)))
    }

    /// Gives the job up: it is dead, and runs again only if somebody replays it.
    ///
    /// Its copies stay on their nodes, so a dead job is as safe from outages as one that waits. The ledger keeps,
    /// without a time limit, why, when and by whom the job was given up.
    ///
    /// - Parameter reason: logged, and kept in the ledger (its first 500 bytes), where it can be read by whoever may
    ///   read the ledger.
    /// - Throws: as ``complete()``.
    public func bury(reason: String) async throws(DelayQueueError) {
        try await handle.settle(.bury(reason: reason))
    }
}
