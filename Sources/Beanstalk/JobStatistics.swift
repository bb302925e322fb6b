package import NIOCore

/// What `stats-job` says about one job.
public struct JobStatistics: Sendable, Hashable {
    /// Where a job is. An enum, as no server knows another state; one that did would be a `malformedReply`.
    public enum State: String, Sendable, Hashable {
        case ready, delayed, reserved, buried
    }

    public let id: BeanstalkJobID
    public let tube: TubeName
    public let state: State
    /// As set by the last put, release or bury.
    public let priority: UInt32
    /// Seconds since the job was put.
    public let age: Int
    /// The delay in seconds as last set, not what is left of it.
    public let delay: Int
    /// Seconds a reservation lasts.
    public let timeToRun: Int
    /// Seconds until the job becomes ready by itself, rounded towards zero; 0 unless it is reserved or delayed.
    public let timeLeft: Int
    /// The number of the earliest binlog file that holds the job; 0 without binlog.
    public let file: Int
    /// How often the job was reserved.
    public let reserves: Int
    /// How often a reservation ran out.
    public let timeouts: Int
    public let releases: Int
    public let buries: Int
    public let kicks: Int

    private let values: [String: String]

    /// Reads the text that answers `stats-job`.
    ///
    /// - Throws: `malformedReply`.
    package init(parsing text: ByteBuffer) throws(BeanstalkError) {
        let text = try StatisticsText(parsing: text)
        id = BeanstalkJobID(try text.number("id"))
        guard let tube = TubeName(bytes: try text.text("tube").utf8) else { throw text.malformed("tube") }
        self.tube = tube
        guard let state = State(rawValue: try text.text("state")) else { throw text.malformed("state") }
        self.state = state
        priority = try text.number("pri")
        age = try text.number("age")
        delay = try text.number("delay")
        timeToRun = try text.number("ttr")
        timeLeft = try text.number("time-left")
        file = try text.number("file")
        reserves = try text.number("reserves")
        timeouts = try text.number("timeouts")
        releases = try text.number("releases")
        buries = try text.number("buries")
        kicks = try text.number("kicks")
        values = text.values
    }

    /// Any value by the server's own key, such as `time-left`.
    public subscript(key: String) -> String? { values[key] }
}
