extension DelayQueueError {
    static func invalidConfiguration(_ problems: [String]) -> DelayQueueError {
        DelayQueueError(.invalidConfiguration, problems.joined(separator: "; "))
    }

    /// The same, and what it means to the caller's job.
    func adding(_ consequence: String) -> DelayQueueError {
        var error = self
        error.message += "; " + consequence
        return error
    }

    /// After this error of a settlement the job is still its holder's, who may settle it again or let go of it.
    var leavesJobUnsettled: Bool { code == .ledgerUnavailable }

    static let claimLost = DelayQueueError(
        .claimLost, "the lease ended and another run may have begun; what this run did must not be counted")

    static let closedUnsettled = DelayQueueError(
        .closed, "the consumer was closed before the ledger confirmed; the job will be delivered again")
}
