/// What the ledger's word on an id that may have been used before means to scheduling it again.
package enum OwnID {
    /// - Parameter status: the reply to a status request.
    /// - Returns: why the job must not be written.
    package static func problem(
        scheduling id: JobID, status: Result<LedgerReply, DelayQueueError>
    ) -> DelayQueueError? {
        switch status {
        case .success(.finished(let state)):
            DelayQueueError(.jobFinished, "job \(id) is \(state) already; schedule it again under a new id")
        case .success:
            nil
        case .failure(let error):
            error
        }
    }
}
