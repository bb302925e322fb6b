package import NIOCore

/// What `stats` says about a server.
public struct ServerStatistics: Sendable, Hashable {
    /// Random, and new each time the server starts: job ids mean nothing to a server with another id.
    public let id: String
    public let hostname: String
    public let version: String
    /// The system's version and machine; nil before 1.12.
    public let os: String?
    public let platform: String?
    public let pid: Int
    /// Seconds since the server started.
    public let uptime: Int
    /// CPU time the server used itself, and in the system for it.
    public let userTime: Duration
    public let systemTime: Duration
    /// Whether new jobs are refused; false also from servers before 1.12, which do not say.
    public let isDraining: Bool
    /// The largest body a job may have, in bytes.
    public let maxJobSize: Int

    /// Ready jobs with a priority under 1024.
    public let currentJobsUrgent: Int
    public let currentJobsReady: Int
    public let currentJobsReserved: Int
    public let currentJobsDelayed: Int
    public let currentJobsBuried: Int
    /// Jobs put since the server started.
    public let totalJobs: Int
    /// Reservations that ran out since the server started.
    public let jobTimeouts: Int

    public let currentTubes: Int
    public let currentConnections: Int
    /// Connections that have put a job.
    public let currentProducers: Int
    /// Connections that have sent a reserve.
    public let currentWorkers: Int
    /// Connections that wait in a reserve.
    public let currentWaiting: Int
    public let totalConnections: Int

    /// The number of the oldest binlog file still needed.
    public let binlogOldestIndex: Int
    /// The number of the binlog file being written; 0 without binlog.
    public let binlogCurrentIndex: Int
    /// The size in bytes at which a new binlog file is begun.
    public let binlogMaxSize: Int
    public let binlogRecordsWritten: Int
    /// Records written to move old jobs to newer files.
    public let binlogRecordsMigrated: Int

    private let values: [String: String]

    /// Reads the text that answers `stats`.
    ///
    /// - Throws: `malformedReply`, also for servers before 1.7, which have no id.
    package init(parsing text: ByteBuffer) throws(BeanstalkError) {
        let text = try StatisticsText(parsing: text)
        id = try text.text("id")
        hostname = try text.text("hostname")
        version = try text.text("version")
        os = text.values["os"]
        platform = text.values["platform"]
        pid = try text.number("pid")
        uptime = try text.number("uptime")
        userTime = try text.duration("rusage-utime")
        systemTime = try text.duration("rusage-stime")
        switch text.values["draining"] {
        case "true": isDraining = true
        case "false", nil: isDraining = false
        default: throw text.malformed("draining")
        }
        maxJobSize = try text.number("max-job-size")
        currentJobsUrgent = try text.number("current-jobs-urgent")
        currentJobsReady = try text.number("current-jobs-ready")
        currentJobsReserved = try text.number("current-jobs-reserved")
        currentJobsDelayed = try text.number("current-jobs-delayed")
        currentJobsBuried = try text.number("current-jobs-buried")
        totalJobs = try text.number("total-jobs")
        jobTimeouts = try text.number("job-timeouts")
        currentTubes = try text.number("current-tubes")
        currentConnections = try text.number("current-connections")
        currentProducers = try text.number("current-producers")
        currentWorkers = try text.number("current-workers")
        currentWaiting = try text.number("current-waiting")
        totalConnections = try text.number("total-connections")
        binlogOldestIndex = try text.number("binlog-oldest-index")
        binlogCurrentIndex = try text.number("binlog-current-index")
        binlogMaxSize = try text.number("binlog-max-size")
        binlogRecordsWritten = try text.number("binlog-records-written")
        binlogRecordsMigrated = try text.number("binlog-records-migrated")
        values = text.values
    }

    /// Any value by the server's own key, such as `current-jobs-ready`.
    public subscript(key: String) -> String? { values[key] }

    /// How many commands of one name came since the server started, such as `put` or `reserve-with-timeout`.
    ///
    /// - Returns: nil for names the server does not count.
    public func commandCount(_ name: String) -> Int? {
        values["cmd-\(name)"].flatMap { Int($0) }
    }
}
