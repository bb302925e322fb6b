/// Who is told how a batch ended.
///
/// A closure in every case: a continuation's layout is not known where this is compiled, so that an enum of both would
/// be copied and taken apart by calls into the runtime, several times for each request.
@usableFromInline struct BatchWaiter<Reply: Sendable> {
    /// Called once, on the event loop.
    @usableFromInline let resume: (BatchOutcome<Reply>) -> Void

    @inlinable init(_ resume: @escaping (BatchOutcome<Reply>) -> Void) {
        self.resume = resume
    }
}
