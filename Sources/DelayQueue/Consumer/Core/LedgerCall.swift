/// A request for the ledger, and the job it is about.
package struct LedgerCall: Sendable {
    package var job: HeldJobID
    package var key: LedgerKey
    package var operation: LedgerRequest.Operation
}
