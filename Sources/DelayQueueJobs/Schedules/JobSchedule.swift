import DelayQueue
public import Foundation

/// A job that is scheduled again and again.
///
/// ```swift
/// try worker.schedule(JobSchedule("digest", .daily(at: nine, in: berlin), SendDigest()))
/// ```
///
/// There is no leader, and nothing has to be running beside the workers. Each tick is a job whose id tells the schedule
/// and the instant, so whoever writes it again writes the same job, which runs once. A tick's run writes the next tick
/// before it does anything else, and each worker that starts writes it too. A schedule that is changed is another one:
/// ticks of what it was end without running.
public struct JobSchedule<J: TypedJob>: Sendable {
    /// 1 to 60 letters, digits, dots, underscores and hyphens. Tells it from other schedules of the queue.
    public let name: String

    public let recurrence: Recurrence

    /// What is scheduled at each tick. It is part of what makes the schedule the same one in every process: a value that
    /// differs from process to process, as one with the present date or a set in it does, makes as many schedules.
    public let job: J

    public var options: JobScheduleOptions

    public init(_ name: String, _ recurrence: Recurrence, _ job: J, options: JobScheduleOptions = .init()) {
        self.name = name
        self.recurrence = recurrence
        self.job = job
        self.options = options
    }
}

/// How the ticks of a ``JobSchedule`` are run.
public struct JobScheduleOptions: Sendable, Hashable {
    /// What becomes of ticks that nobody ran at their time, as no worker was there; the last of them runs late by
    /// default.
    public var missedTicks: MissedTickPolicy

    /// What becomes of a tick while an earlier one still runs; it runs beside it by default.
    public var overlap: OverlapPolicy

    /// The longest that a tick's run is put off by chance, so that schedules of the same time do not all begin
    /// together; no run is put off beyond the next tick. Nothing by default, a day at most.
    public var jitter: Duration

    /// No tick before this.
    public var start: Date?

    /// No tick after this.
    public var end: Date?

    /// Ticks pass without running.
    public var isPaused: Bool

    public init(
        missedTicks: MissedTickPolicy = .runOnce, overlap: OverlapPolicy = .allow, jitter: Duration = .zero,
        start: Date? = nil, end: Date? = nil, isPaused: Bool = false
    ) {
        self.missedTicks = missedTicks
        self.overlap = overlap
        self.jitter = jitter
        self.start = start
        self.end = end
        self.isPaused = isPaused
    }

    /// What becomes of ticks that nobody ran at their time.
    public struct MissedTickPolicy: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case runOnce, runAll, skip
        }

        private let value: Value

        /// The one that was waiting runs late, and the others are left out.
        public static let runOnce = MissedTickPolicy(value: .runOnce)
        /// Each runs late, one after the other.
        public static let runAll = MissedTickPolicy(value: .runAll)
        /// None runs: a tick whose successor is due too has been missed.
        public static let skip = MissedTickPolicy(value: .skip)

        public var description: String { value.rawValue }
    }

    /// What becomes of a tick while an earlier one still runs.
    public struct OverlapPolicy: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case allow, skip
        }

        private let value: Value

        /// It runs beside it.
        public static let allow = OverlapPolicy(value: .allow)
        /// It is left out. The 64 ticks before it are looked at; one that failed and waits to be tried again does not count.
        public static let skip = OverlapPolicy(value: .skip)

        public var description: String { value.rawValue }
    }

    /// Seconds since 1970; `Date.distantPast` and `Date.distantFuture` are among them.
    private static let dates = -95_617_584_000.0...95_617_584_000

    /// - Throws: `invalidOption`.
    func validate(_ name: String) throws(DelayQueueError) {
        func refuse(_ problem: String) -> DelayQueueError {
            DelayQueueError(.invalidOption, "schedule \(name): \(problem)")
        }
        if jitter < .zero || jitter > .seconds(86_400) { throw refuse("jitter is \(jitter), not within 0 s to a day") }
        for (name, date) in [("start", start), ("end", end)] {
            // What no calendar has, a number that is none among it, cannot be counted in microseconds.
            if let date, !Self.dates.contains(date.timeIntervalSince1970) {
                throw refuse("its \(name) is no date of the years up to 5000; leave it out where there is none")
            }
        }
        if let start, let end, start >= end { throw refuse("its end is not after its start") }
    }
}
