/// Why a server, proxy or queue for tests could not be started or controlled.
public struct TestKitError: Error, Sendable {
    /// A stable name for the kind of failure.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case executableNotFound, exitedEarly, portTaken, notReady
            case notRunning, alreadyRunning, stopped, supervisorFailed
            case stillBusy, invalidTime, missingLedger, notATestJob
        }

        private let value: Value

        /// The server is not installed; the message names the package and where it was looked for.
        public static let executableNotFound = Code(value: .executableNotFound)
        /// The server ended before it answered; the message carries its output.
        public static let exitedEarly = Code(value: .exitedEarly)
        /// The port that was asked for, or every port that was tried, is in use.
        public static let portTaken = Code(value: .portTaken)
        /// The server runs, and did not answer within 10 seconds; the message carries its output.
        public static let notReady = Code(value: .notReady)
        /// The server has ended, so it cannot be suspended or resumed.
        public static let notRunning = Code(value: .notRunning)
        /// The server runs already.
        public static let alreadyRunning = Code(value: .alreadyRunning)
        /// `stop()` was called: the server's folder is gone, it cannot be started again.
        public static let stopped = Code(value: .stopped)
        /// The shell that looks after the server could not do its work.
        public static let supervisorFailed = Code(value: .supervisorFailed)

        /// The ``LocalCluster`` was started without a Redis.
        public static let missingLedger = Code(value: .missingLedger)

        /// The clock of a ``TestQueue`` stands still, as a handler has not come to rest.
        public static let stillBusy = Code(value: .stillBusy)
        /// The clock of a ``TestQueue`` cannot be moved by that.
        public static let invalidTime = Code(value: .invalidTime)
        /// A job that is to be tried was claimed by a consumer, and not made by the test.
        public static let notATestJob = Code(value: .notATestJob)

        public var description: String { value.rawValue }
    }

    public var code: Code
    public var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension TestKitError: CustomStringConvertible {
    public var description: String { "\(code): \(message)" }
}
