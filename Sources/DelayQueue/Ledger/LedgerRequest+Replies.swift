extension LedgerRequest.Operation {
    /// Whether a ledger can answer the operation so.
    func allows(_ reply: LedgerReply) -> Bool {
        switch (self, reply) {
        case (.claim, .granted), (.claim, .needsKicks), (.claim, .buryAgain), (.renew, .renewed), (.renew, .lost),
            (.revoke, .revoked), (.revoke, .running), (.revoke, .alreadyDone), (.forget, .forgotten):
            true
        case (.complete, .settled), (.complete, .lost), (.retry, .settled), (.retry, .lost), (.release, .settled),
            (.release, .lost), (.bury, .settled), (.bury, .lost):
            true
        // The state of the record, where the operation does not apply.
        case (.claim, .absent), (.claim, .held), (.claim, .waiting), (.claim, .finished), (.forget, .absent),
            (.forget, .held), (.forget, .waiting), (.forget, .finished), (.status, .absent), (.status, .held),
            (.status, .waiting), (.status, .finished):
            true
        default: false
        }
    }
}
