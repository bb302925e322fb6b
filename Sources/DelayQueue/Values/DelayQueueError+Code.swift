extension DelayQueueError {
    /// A stable name for the kind of failure; fit for a metrics label.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case invalidConfiguration, invalidJobID, invalidHeader, invalidOption, invalidBody
            case dateInPast, dateTooFar, bodyTooLarge
            case insufficientCopies, cancelled, closed
            case jobFinished, idTaken, claimLost, alreadySettled
            case ledgerUnavailable, ledgerMisconfigured, ledgerRecordUnreadable
            case malformedReceipt, decodingFailed
        }

        private let value: Value

        /// Settings that can never work; the message lists every problem.
        public static let invalidConfiguration = Code(value: .invalidConfiguration)
        /// A job id that is not 1 to 200 visible ASCII characters.
        public static let invalidJobID = Code(value: .invalidJobID)
        /// A header's name or value that cannot be written.
        public static let invalidHeader = Code(value: .invalidHeader)
        /// An option out of its range, or options that contradict each other.
        public static let invalidOption = Code(value: .invalidOption)
        /// A body that could not be turned into bytes.
        public static let invalidBody = Code(value: .invalidBody)
        /// The fire date is past, and the options do not say to run at once.
        public static let dateInPast = Code(value: .dateInPast)
        /// The fire date is further away than a node can count: 2³²−1 seconds, about 136 years.
        public static let dateTooFar = Code(value: .dateTooFar)
        /// The body does not fit a node's `max-job-size` together with the envelope.
        public static let bodyTooLarge = Code(value: .bodyTooLarge)
        /// Fewer nodes than required acknowledged the job; see `nodeFailures` and `mayStillFire`.
        public static let insufficientCopies = Code(value: .insufficientCopies)
        /// The calling task was cancelled.
        public static let cancelled = Code(value: .cancelled)
        /// The producer, consumer or ledger was closed.
        public static let closed = Code(value: .closed)
        /// The job id was used before, and that job is done, revoked or dead; the message says which.
        public static let jobFinished = Code(value: .jobFinished)
        /// The job id is that of another job, which runs, or waits and has another date or body; the message says which.
        public static let idTaken = Code(value: .idTaken)
        /// The claim ended before the job was settled: somebody else may be running it.
        public static let claimLost = Code(value: .claimLost)
        /// The job was settled before, in another way.
        public static let alreadySettled = Code(value: .alreadySettled)
        /// The ledger did not answer, or cannot serve at the moment.
        public static let ledgerUnavailable = Code(value: .ledgerUnavailable)
        /// The ledger will never serve as configured: a wrong password, a missing permission, a cluster.
        public static let ledgerMisconfigured = Code(value: .ledgerMisconfigured)
        /// The ledger's record of a job is not one this version can read; nothing was changed.
        public static let ledgerRecordUnreadable = Code(value: .ledgerRecordUnreadable)
        /// Text that is no receipt.
        public static let malformedReceipt = Code(value: .malformedReceipt)
        /// A body that does not decode as the type asked for.
        public static let decodingFailed = Code(value: .decodingFailed)

        public var description: String { value.rawValue }

        var isUsuallyRetriable: Bool {
            switch value {
            case .insufficientCopies, .ledgerUnavailable: true
            default: false
            }
        }
    }
}
