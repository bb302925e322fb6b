package import DelayQueue

extension Producer {
    /// How long work under way may take once a command wants to end.
    package static let endingLimit = Duration.seconds(2)

    /// Takes back accepted jobs that nobody could be told of; a cancellation does not cut it short, ``endingLimit`` does.
    ///
    /// Jobs whose ids can come again stay: the same call made again would be told that its job is over, and those that
    /// were scheduled before are another call's.
    ///
    /// - Returns: for each, in order, whether it is sure never to run. After the limit the producer is closed.
    package func takeBack(_ receipts: [Receipt]) async -> [Bool] {
        var areTakenBack = receipts.map { _ in false }
        await withTaskGroup(of: Int?.self) { group in
            for (index, receipt) in receipts.enumerated() where !receipt.hasOwnID && receipt.format == .native {
                group.addTask { (try? await self.revoke(receipt)) == .revoked ? index : nil }
            }
            // Ends every wait, so that the tasks above end too. Not a child: a cancelled task does not sleep.
            let limit = Task {
                try await Task.sleep(for: Self.endingLimit)
                await self.close(within: .zero)
            }
            for await index in group { if let index { areTakenBack[index] = true } }
            limit.cancel()
            _ = await limit.result
        }
        return areTakenBack
    }
}
