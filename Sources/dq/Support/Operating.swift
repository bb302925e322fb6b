import CommandSupport
import DelayQueue

/// What commands share that ask or tell the ledger of a queue.
enum Operating {
    /// - Throws: `ValidationError`.
    static func validate(_ cluster: ClusterOptions) throws {
        _ = try cluster.resolvedNodes()
        _ = try cluster.requiredLedger()
    }

    /// Runs work with the queue's operations, and closes them and the ledger, whatever its end.
    static func run(
        _ cluster: ClusterOptions, _ work: @escaping @Sendable (QueueOperations) async throws -> Void
    ) async throws {
        let ledger = try cluster.requiredLedger()
        cluster.security.warn()
        let operations = try cluster.operations(ledger: ledger)
        try await Interruption.run {
            let result: Result<Void, any Error>
            do {
                try await work(operations)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await operations.close()
            await ledger.close()
            try result.get()
        }
    }
}
