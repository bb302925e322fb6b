/// Who is told how a batch ended.
@usableFromInline enum BatchWaiter<Reply: Sendable>: Sendable {
    case task(CheckedContinuation<BatchOutcome<Reply>, Never>)
    /// Called on the event loop.
    case callback(@Sendable (BatchOutcome<Reply>) -> Void)

    @inlinable func resume(returning outcome: BatchOutcome<Reply>) {
        switch self {
        case .task(let continuation): continuation.resume(returning: outcome)
        case .callback(let call): call(outcome)
        }
    }
}
