/// How one job is to be scheduled.
public struct JobOptions: Sendable {
    /// The job's id; nil makes a fresh one.
    ///
    /// With a ledger an id means one job. Scheduling it again with the same date or delay, headers (but for those of a trace) and body is the same
    /// job, and adds nothing: so a call that failed, or whose outcome nobody knows, is repeated as it was. Without a ledger each
    /// call adds copies, which consumers tell by the id: the job runs once, with the date and body of whichever comes
    /// first.
    public var id: JobID?

    /// What to do where another job has the id already, and waits. An error by default.
    public var idConflict: IDConflictPolicy

    /// Its place among all jobs that are due, whenever each was: see ``JobPriority``; normal by default.
    public var priority: JobPriority

    /// How long a node lets a consumer keep a copy without a sign of life. 30 seconds by default; whole seconds
    /// from 10 to 30.
    ///
    /// Consumers renew it while they work, so this bounds how soon a crash is noticed, not how long a job may run.
    public var timeToRun: Duration

    /// Values that travel with the job.
    public var headers: JobHeaders

    /// What tells of the trace in which the job is scheduled. It travels with the headers, and makes no other job of one that
    /// is scheduled again.
    package var traceHeaders: JobHeaders = [:]

    /// The header `content-type`; nil keeps what `headers` or the body says.
    public var contentType: String?

    /// What to do with a fire date that is past. An error by default.
    public var pastDates: PastDatePolicy

    /// How the job is written to its nodes; native by default.
    public var format: RecordFormat

    public init(
        id: JobID? = nil,
        idConflict: IDConflictPolicy = .refuse,
        priority: JobPriority = .normal,
        timeToRun: Duration = .seconds(30),
        headers: JobHeaders = [:],
        contentType: String? = nil,
        pastDates: PastDatePolicy = .reject,
        format: RecordFormat = .native
    ) {
        self.id = id
        self.idConflict = idConflict
        self.priority = priority
        self.timeToRun = timeToRun
        self.headers = headers
        self.contentType = contentType
        self.pastDates = pastDates
        self.format = format
    }

    /// What becomes of a job whose id another one has.
    public struct IDConflictPolicy: Hashable, Sendable, CustomStringConvertible {
        enum Value: String, Sendable {
            case refuse, replace
        }

        let value: Value

        /// The call fails with `idTaken`, which tells the other one's date.
        public static let refuse = IDConflictPolicy(value: .refuse)
        /// The job takes the place of the other one, which does not run: so a job is moved, nearer or farther, or given
        /// another body. One that runs at the moment, or is over, is not replaced. Needs a ledger.
        public static let replace = IDConflictPolicy(value: .replace)

        public var description: String { value.rawValue }
    }

    /// What becomes of a fire date that is past.
    public struct PastDatePolicy: Hashable, Sendable, CustomStringConvertible {
        enum Value: String, Sendable {
            case reject, runImmediately
        }

        let value: Value

        /// The call fails with `dateInPast`.
        public static let reject = PastDatePolicy(value: .reject)
        /// The job is due now: its fire date becomes the time of the call.
        public static let runImmediately = PastDatePolicy(value: .runImmediately)

        public var description: String { value.rawValue }
    }
}

extension JobOptions {
    static let timeToRunRange = Duration.seconds(10)...Duration.seconds(30)
    static let contentTypeHeader = "content-type"

    /// - Throws: `invalidOption` or `invalidHeader`.
    package func validate() throws(DelayQueueError) {
        guard Self.timeToRunRange.contains(timeToRun), timeToRun.components.attoseconds == 0 else {
            throw DelayQueueError(.invalidOption, "timeToRun is \(timeToRun), not whole seconds from 10 to 30")
        }
        guard idConflict == .refuse || id != nil else {
            throw DelayQueueError(
                .invalidOption, "idConflict is replace, but there is no id: give the id of the job to move")
        }
        if format == .goQueue {
            var given: [String] = []
            if id != nil { given.append("id") }
            if priority != .normal { given.append("priority") }
            if !headers.isEmpty { given.append("headers") }
            if contentType != nil { given.append("contentType") }
            if timeToRun != JobOptions().timeToRun { given.append("timeToRun") }
            guard given.isEmpty else {
                throw DelayQueueError(
                    .invalidOption,
                    "go-queue's format has no place for \(given.joined(separator: ", ")); leave it out, "
                        + "or use the native format")
            }
        }
        if contentType != nil || !headers.isEmpty { _ = try resolvedHeaders(bodyContentType: nil) }
    }

    /// The headers to write. For the content type the option counts first, then the headers, then the body.
    ///
    /// - Throws: `invalidHeader`.
    package func resolvedHeaders(bodyContentType: String?) throws(DelayQueueError) -> JobHeaders {
        var headers = headers
        if let type = contentType ?? headers[Self.contentTypeHeader] ?? bodyContentType {
            headers[Self.contentTypeHeader] = type
        }
        try headers.validate()
        return headers
    }

    /// The headers with those of the trace; without them where the job could not be written with them.
    func withTrace(_ headers: JobHeaders) -> JobHeaders {
        if traceHeaders.isEmpty { return headers }
        var all = headers
        for (name, value) in traceHeaders { all[name] = value }
        return (try? all.validate()) == nil ? headers : all
    }

    /// The time to run in whole seconds, as beanstalkd takes it.
    package var timeToRunSeconds: UInt32 {
        UInt32(clamping: timeToRun.components.seconds)
    }
}
