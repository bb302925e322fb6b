/// The record of who may run a job, shared by all consumers and producers of a queue.
///
/// Every guarantee about running once rests on it. There are two, ``RedisLedger`` and ``InMemoryLedger``, and no others
/// can be written outside of this package: what a ledger is asked, and the rules by which it answers, are one half of a
/// protocol whose other half is in producers and consumers, and both change together.
public protocol JobLedger: Sendable {
    /// What producers and consumers ask. Only this package can make one.
    var access: LedgerAccess { get }

    /// Closes the ledger's connections. Requests after it fail with `closed`.
    func close() async
}

/// A ledger as producers and consumers see it; there is nothing in it for others.
public struct LedgerAccess: Sendable {
    package let carrier: any LedgerCarrier

    package init(_ carrier: any LedgerCarrier) {
        self.carrier = carrier
    }
}
