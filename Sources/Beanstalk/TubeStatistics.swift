package import NIOCore

/// What `stats-tube` says about one tube.
public struct TubeStatistics: Sendable, Hashable {
    public let name: TubeName
    /// Ready jobs with a priority under 1024.
    public let currentJobsUrgent: Int
    public let currentJobsReady: Int
    public let currentJobsReserved: Int
    public let currentJobsDelayed: Int
    public let currentJobsBuried: Int
    /// Jobs put since the server started.
    public let totalJobs: Int
    /// Connections that use the tube.
    public let currentUsing: Int
    /// Connections that watch the tube.
    public let currentWatching: Int
    /// Connections that watch the tube and wait in a reserve.
    public let currentWaiting: Int
    /// `delete` commands that removed one of the tube's jobs, since the server started.
    public let deletes: Int
    /// `pause-tube` commands, since the server started.
    public let pauses: Int
    /// The length of the current pause in seconds; 0 where there is none.
    public let pause: Int
    /// What is left of it in seconds.
    public let pauseTimeLeft: Int

    private let values: [String: String]

    /// Reads the text that answers `stats-tube`.
    ///
    /// - Throws: `malformedReply`.
    package init(parsing text: ByteBuffer) throws(BeanstalkError) {
        let text = try StatisticsText(parsing: text)
        guard let name = TubeName(bytes: try text.text("name").utf8) else { throw text.malformed("name") }
        self.name = name
        currentJobsUrgent = try text.number("current-jobs-urgent")
        currentJobsReady = try text.number("current-jobs-ready")
        currentJobsReserved = try text.number("current-jobs-reserved")
        currentJobsDelayed = try text.number("current-jobs-delayed")
        currentJobsBuried = try text.number("current-jobs-buried")
        totalJobs = try text.number("total-jobs")
        currentUsing = try text.number("current-using")
        currentWatching = try text.number("current-watching")
        currentWaiting = try text.number("current-waiting")
        deletes = try text.number("cmd-delete")
        pauses = try text.number("cmd-pause-tube")
        pause = try text.number("pause")
        pauseTimeLeft = try text.number("pause-time-left")
        values = text.values
    }

    /// Any value by the server's own key, such as `current-jobs-ready`.
    public subscript(key: String) -> String? { values[key] }
}
