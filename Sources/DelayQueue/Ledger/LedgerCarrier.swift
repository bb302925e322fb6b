package import Beanstalk

/// What carries out a ledger's requests.
///
/// It keeps each key's requests in order, decides each by one clock of its own, and removes a record only when its time
/// has run out.
package protocol LedgerCarrier: Sendable {
    /// Performs requests, in one round trip where there is one to make.
    ///
    /// Requests with the same key are performed in order; others in any. A request that fails does not stop the rest.
    /// Cancelling the task ends the wait: requests already sent may have been performed, which is why a request
    /// repeated by the same owner is answered as before.
    ///
    /// - Returns: a reply, or why there is none, for each request in its place. The error's code is
    ///   `ledgerUnavailable` (the request may have been performed), `ledgerMisconfigured`, `ledgerRecordUnreadable`,
    ///   `cancelled` or `closed`.
    func perform(_ requests: [LedgerRequest]) async -> [Result<LedgerReply, DelayQueueError>]

    /// Reads what is under keys, nil where there is nothing.
    ///
    /// - Throws: the codes of ``perform(_:)-([LedgerRequest])``.
    func read(_ keys: [LedgerKey]) async throws(DelayQueueError) -> [LedgerValue?]

    /// A queue's board, empty where there is nothing on it, and the ledger's time.
    ///
    /// - Throws: as ``read(_:)``.
    func board(of queue: TubeName) async throws(DelayQueueError) -> (board: QueueBoard, now: Timestamp)

    /// Has somebody told when the pause of a queue has changed; nil where the ledger is to be asked.
    func watchBoard(of queue: TubeName, _ tell: @escaping @Sendable () -> Void) -> BoardWatch?

    /// The records of a queue's dead jobs, in any order, with keys that name the edition. Of jobs that die, are replayed or dropped meanwhile, some may
    /// be among them and others not.
    ///
    /// - Throws: as ``read(_:)``.
    func deadRecords(
        of queue: TubeName
    ) async throws(DelayQueueError) -> [(key: LedgerKey, record: LedgerRecord)]
}

extension LedgerCarrier {
    package func watchBoard(of queue: TubeName, _ tell: @escaping @Sendable () -> Void) -> BoardWatch? { nil }

    /// Performs one request.
    ///
    /// - Throws: see ``perform(_:)-([LedgerRequest])``.
    package func perform(_ request: LedgerRequest) async throws(DelayQueueError) -> LedgerReply {
        guard let result = await perform([request]).first else {
            throw DelayQueueError(.ledgerUnavailable, "the ledger gave no reply")
        }
        return try result.get()
    }
}
