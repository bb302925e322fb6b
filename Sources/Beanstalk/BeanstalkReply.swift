public import NIOCore

/// What a beanstalkd server can say, one case a reply.
///
/// An enum to be switched over, as the protocol is a closed list; what is not on it is a `malformedReply`.
///
/// Bodies are the bytes as sent, without the line end that follows them.
public enum BeanstalkReply: Sendable, Hashable {
    /// `put`: the job is stored.
    case inserted(BeanstalkJobID)
    /// With an id, `put` or with none, `release`: the server had no memory to queue the job, and buried it.
    /// With none, `bury`: done.
    case buried(BeanstalkJobID?)
    /// `use`, `list-tube-used`.
    case using(TubeName)
    /// The reserve commands.
    case reserved(BeanstalkJobID, ByteBuffer)
    /// The reserve commands: the job is reserved, but its body has more bytes than are read, and was skipped.
    case reservedUnread(BeanstalkJobID, size: Int)
    /// A reserve command: a job reserved by this connection is in its last second.
    case deadlineSoon
    /// A reserve command: no job came in time.
    case timedOut
    case deleted
    case released
    case touched
    /// `watch`, `ignore`: how many tubes are watched now; nil where the server does not say.
    case watching(UInt32?)
    /// `kick`: how many jobs; `kick-job`: nil.
    case kicked(UInt64?)
    /// The peek commands.
    case found(BeanstalkJobID, ByteBuffer)
    /// The peek commands: there is such a job, but its body has more bytes than are read, and was skipped.
    case foundUnread(BeanstalkJobID, size: Int)
    /// The stats and list commands.
    case ok(ByteBuffer)
    case paused

    /// There is no such job or tube, or the job is not in a state the command applies to.
    case notFound
    /// `ignore`: the only tube watched cannot be ignored.
    case notIgnored
    /// `put`: the body was not followed by a line end.
    case expectedCRLF
    /// `put`: the body is longer than the server's `max-job-size`.
    case jobTooBig
    /// `put`: the server takes no new jobs.
    case draining
    case outOfMemory
    /// A fault in the server; 1.12 also answers so when its binlog disk is full.
    case internalError
    case badFormat
    case unknownCommand

    /// The code of the error this reply stands for, whatever the command; nil for all others.
    ///
    /// `notFound`, `deadlineSoon` and `timedOut` are included: a command that expects one handles it first. So are bodies
    /// that were skipped.
    public var refusal: BeanstalkError.Code? {
        switch self {
        case .reservedUnread, .foundUnread: .bodyTooLong
        case .notFound: .notFound
        case .notIgnored: .notIgnored
        case .expectedCRLF: .expectedCRLF
        case .jobTooBig: .jobTooBig
        case .draining: .draining
        case .outOfMemory: .outOfMemory
        case .internalError: .internalError
        case .badFormat: .badFormat
        case .unknownCommand: .unknownCommand
        case .deadlineSoon: .deadlineSoon
        case .timedOut: .timedOut
        case .inserted, .buried, .using, .reserved, .deleted, .released, .touched, .watching, .kicked, .found, .ok,
            .paused:
            nil
        }
    }

    /// The reply's first word as the server sends it; fit for a log or a metrics label.
    public var word: String {
        switch self {
        case .inserted: "INSERTED"
        case .buried: "BURIED"
        case .using: "USING"
        case .reserved, .reservedUnread: "RESERVED"
        case .deadlineSoon: "DEADLINE_SOON"
        case .timedOut: "TIMED_OUT"
        case .deleted: "DELETED"
        case .released: "RELEASED"
        case .touched: "TOUCHED"
        case .watching: "WATCHING"
        case .kicked: "KICKED"
        case .found, .foundUnread: "FOUND"
        case .ok: "OK"
        case .paused: "PAUSED"
        case .notFound: "NOT_FOUND"
        case .notIgnored: "NOT_IGNORED"
        case .expectedCRLF: "EXPECTED_CRLF"
        case .jobTooBig: "JOB_TOO_BIG"
        case .draining: "DRAINING"
        case .outOfMemory: "OUT_OF_MEMORY"
        case .internalError: "INTERNAL_ERROR"
        case .badFormat: "BAD_FORMAT"
        case .unknownCommand: "UNKNOWN_COMMAND"
        }
    }
}
