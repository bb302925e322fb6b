/// Counts the jobs of one `dq consume`, and decides when it takes no more of them.
struct ConsumeState {
    private let maximum: Int?
    private var started = 0
    private(set) var running = 0
    private(set) var isStopping = false

    /// - Parameter maximum: how many jobs are run; nil for no limit.
    init(maximum: Int?) {
        self.maximum = maximum
    }

    /// What a job that has arrived means.
    enum Arrival: Equatable {
        case run
        /// Run it; no more are wanted after it.
        case runAsLast
        /// It came too late and goes back to the queue.
        case giveBack
    }

    mutating func arrived() -> Arrival {
        guard !isStopping else { return .giveBack }
        started += 1
        running += 1
        guard started == maximum else { return .run }
        isStopping = true
        return .runAsLast
    }

    /// A job's run is over.
    ///
    /// - Returns: whether that was the last one.
    mutating func ended() -> Bool {
        running -= 1
        return isStopping && running == 0
    }

    /// Takes no more jobs.
    ///
    /// - Returns: whether none is running.
    mutating func stop() -> Bool {
        isStopping = true
        return running == 0
    }
}
