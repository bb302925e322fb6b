import DelayQueue
import HiredisClient
import NIOCore

extension RedisLedger {
    /// The calls of the ledger's scripts that claim and complete each job, as they go over the wire.
    func encodedClaimsAndCompletions(of receipts: [Receipt]) async throws -> RawRequests {
        var calls = RawRequests()
        // A few hundred jobs on their way, as with a consumer: claims go ahead of completions.
        for start in stride(from: 0, to: receipts.count, by: 128) {
            let batch = receipts[start..<min(start + 128, receipts.count)]
            for isClaim in [true, false] {
                for (index, receipt) in batch.enumerated() {
                    let owner = try ClaimOwner("bench-\(start + index)")
                    let request = LedgerRequest(
                        key: receipt.ledgerKey,
                        operation: isClaim
                            ? .claim(owner)
                            : .complete(owner, attempt: 1, copies: receipt.copies))
                    calls.append(await encoded(request).readableBytesView)
                }
            }
        }
        return calls
    }
}
