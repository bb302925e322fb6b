import Beanstalk
import CommandSupport
import DelayQueue

/// Looks once whether nodes and ledger answer, because a consumer waits for them in silence.
struct ReachCheck: Sendable {
    let probe: QueueProbe
    let ledger: RedisLedger
    let tube: TubeName

    /// Says what is out of reach, on standard error.
    ///
    /// - Throws: `DelayQueueError` with `ledgerMisconfigured`, where waiting would be in vain.
    func run() async throws {
        async let unreachable = probe.unreachable()
        // Any key will do: there is no record under it, and nothing is written.
        let key = LedgerKey(queue: tube, id: .random())
        do {
            _ = try await ledger.perform(LedgerRequest(key: key, operation: .status))
        } catch {
            if error.code == .ledgerMisconfigured { throw error }
            guard !Task.isCancelled else { return }
            StandardStream.error.note(
                "the ledger does not answer, so no job can run yet; jobs wait until it does: \(error)")
        }
        for (node, error) in await unreachable where !Task.isCancelled {
            StandardStream.error.note(
                "node \(node.address) does not answer yet; jobs run from their copies on the others: \(error)")
        }
    }
}
