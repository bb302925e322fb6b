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
    public var missedTicks: MissedTickPolicy = .runOnce

    /// What becomes of a tick while an earlier one still runs; it runs beside it by default.
    public var overlap: OverlapPolicy = .allow

    /// The longest that a tick's run is put off by chance, so that schedules of the same time do not all begin
    /// together. Nothing by default.
    public var jitter: Duration = .zero

    /// No tick before this.
    public var start: Date?

    /// No tick after this.
    public var end: Date?

    /// Ticks pass without running.
    public var isPaused = false

    public init() {}

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

    /// - Throws: `invalidOption`.
    func validate(_ name: String) throws(DelayQueueError) {
        func refuse(_ problem: String) -> DelayQueueError {
            DelayQueueError(.invalidOption, "schedule \(name): \(problem)")
        }
        if jitter < .zero || jitter > .seconds(86_400) { throw refuse("jitter is \(jitter), not within 0 s to a day") }
        if let start, let end, start >= end { throw refuse("its end is not after its start") }
    }
}
