import PipelinedTransport

/// Why a beanstalkd command did not do what was asked.
public struct BeanstalkError: Error, Sendable {
    /// A stable name for the kind of failure; fit for a metrics label.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case notFound, notIgnored, expectedCRLF, jobTooBig, draining, outOfMemory, internalError, badFormat
            case unknownCommand, deadlineSoon, timedOut, buried
            case transport, unexpectedReply, malformedReply, bodyTooLong, invalidTubeName
        }

        private let value: Value

        /// NOT_FOUND: no such job or tube, or the job is not in a state the command applies to.
        public static let notFound = Code(value: .notFound)
        /// NOT_IGNORED: the only tube watched cannot be ignored.
        public static let notIgnored = Code(value: .notIgnored)
        /// EXPECTED_CRLF: a job's body was not followed by a line end.
        public static let expectedCRLF = Code(value: .expectedCRLF)
        /// JOB_TOO_BIG: the body is longer than the server's `max-job-size`.
        public static let jobTooBig = Code(value: .jobTooBig)
        /// DRAINING: the server takes no new jobs.
        public static let draining = Code(value: .draining)
        /// OUT_OF_MEMORY: the server had no room, in memory or in its binlog.
        public static let outOfMemory = Code(value: .outOfMemory)
        /// INTERNAL_ERROR: a fault in the server; 1.12 also answers so when its binlog disk is full.
        public static let internalError = Code(value: .internalError)
        /// BAD_FORMAT: the server could not read the command.
        public static let badFormat = Code(value: .badFormat)
        /// UNKNOWN_COMMAND: the server is too old for the command.
        public static let unknownCommand = Code(value: .unknownCommand)
        /// DEADLINE_SOON: a job this connection reserved is in its last second; touch or release it first.
        public static let deadlineSoon = Code(value: .deadlineSoon)
        /// TIMED_OUT where no time was given: to the server this side of the connection looks closed.
        public static let timedOut = Code(value: .timedOut)
        /// BURIED where that is not what was asked: the server had no memory to queue the job `jobID`, and buried it.
        public static let buried = Code(value: .buried)
        /// There is no reply; see `underlying`.
        public static let transport = Code(value: .transport)
        /// A reply that does not belong to the command.
        public static let unexpectedReply = Code(value: .unexpectedReply)
        /// Bytes that are no reply, or a body whose text cannot be read.
        public static let malformedReply = Code(value: .malformedReply)
        /// The body of the job `jobID` is longer than the connection reads, and was skipped. A job that was to be reserved is.
        public static let bodyTooLong = Code(value: .bodyTooLong)
        /// Not a tube's name; nothing was sent.
        public static let invalidTubeName = Code(value: .invalidTubeName)

        public var description: String { value.rawValue }
    }

    public var code: Code

    /// The server concerned, where one is.
    public var address: ServerAddress?

    /// What happened on the connection, where `code` is `transport`.
    public var underlying: TransportError?

    /// False only where the command certainly never reached the server.
    public var mayHaveBeenSent: Bool

    /// The job the command or its reply was about, where it is known.
    public var jobID: BeanstalkJobID?

    /// What was wrong, in words: for people, not for programs. Foreign bytes in it are escaped and cut short.
    public var detail: String?

    package init(
        _ code: Code,
        address: ServerAddress? = nil,
        mayHaveBeenSent: Bool = false,
        jobID: BeanstalkJobID? = nil,
        detail: String? = nil
    ) {
        self.code = code
        self.address = address
        self.mayHaveBeenSent = mayHaveBeenSent
        self.jobID = jobID
        self.detail = detail
    }

    /// The error for a command that got no reply.
    package init(_ failure: TransportError, jobID: BeanstalkJobID? = nil) {
        self.init(.transport, address: failure.address, mayHaveBeenSent: failure.mayHaveBeenSent, jobID: jobID)
        self.underlying = failure
    }

    /// The error a reply means to a command that it does not answer: the refusal it states, or `unexpectedReply`.
    package init(_ reply: BeanstalkReply, address: ServerAddress? = nil, jobID: BeanstalkJobID? = nil) {
        self.init(reply.refusal ?? .unexpectedReply, address: address, mayHaveBeenSent: true, jobID: jobID)
        switch reply {
        case .reservedUnread(let found, let size), .foundUnread(let found, let size):
            self.jobID = found
            detail = "its body of \(size) bytes is longer than this connection reads, and was skipped"
        default:
            if code == .unexpectedReply { detail = reply.word }
        }
    }

    static func malformedText(_ line: some Sequence<UInt8>) -> BeanstalkError {
        BeanstalkError(.malformedReply, mayHaveBeenSent: true, detail: PrintableExcerpt.of(line))
    }
}

extension BeanstalkError: CustomStringConvertible {
    public var description: String {
        if let underlying { return "\(underlying)" }
        var text = "\(code)"
        if let address { text += " (\(address))" }
        if let jobID { text += ", job \(jobID)" }
        if let detail { text += ": \(detail)" }
        return text
    }
}
