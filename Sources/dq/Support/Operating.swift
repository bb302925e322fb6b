import CommandSupport
import DelayQueue

/// What the commands of an operator share.
enum Operating {
    /// - Throws: `ValidationError`, saying which option is missing or wrong.
    static func validate(_ cluster: ClusterOptions) throws {
        _ = try cluster.resolvedNodes()
        _ = try cluster.requiredLedger()
    }

    /// Runs work with the queue's operations, which are closed afterwards; a signal cancels the work.
    static func withOperations(
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

    /// Writes what was done, and must be told, also where the task is cancelled.
    ///
    /// - Throws: `CommandError` where it could not be written to standard output; it is on standard error then.
    static func tell(_ lines: [String]) async throws {
        guard !lines.isEmpty else { return }
        let text = lines.joined(separator: "\n")
        do {
            try await StandardStream.output.tell(text, within: Producer.endingLimit)
        } catch {
            StandardStream.error.note(text)
            throw CommandError("\(error)")
        }
    }
}
