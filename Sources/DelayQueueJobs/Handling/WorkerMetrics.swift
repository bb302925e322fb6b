import DelayQueue
import Metrics
import NIOConcurrencyHelpers
import NIOCore
import PipelinedTransport

/// What a worker counts of one type of job, through swift-metrics; every metric has the dimensions `queue` and `type`.
struct JobTypeMetrics: Sendable {
    /// How a run ended, as the dimension `outcome` says.
    enum Outcome: String, CaseIterable {
        case completed, retried, buried, returned
    }

    private struct State {
        var runs = RunsUnderWay()
        /// Goes off to tell the age of the oldest run again.
        var timer: Scheduled<Void>?
    }

    /// So often the age of the oldest run is told while it goes on.
    static let interval = Duration.seconds(10)

    let timedOut: Counter
    private let runTime: Timer
    /// First attempts only: what is tried again is late for another reason.
    private let lateness: Timer
    private let running: Gauge
    private let oldestRun: Gauge
    private let outcomes: [Outcome: Counter]
    private let queue: JobQueue
    private let state = NIOLockedValueBox(State())

    init(queue: JobQueue, type: String) {
        self.queue = queue
        let dimensions = [("queue", queue.name), ("type", type)]
        timedOut = Counter(label: "dq_jobs_timed_out_total", dimensions: dimensions)
        runTime = Timer(label: "dq_job_run_seconds", dimensions: dimensions)
        lateness = Timer(label: "dq_job_type_lateness_seconds", dimensions: dimensions)
        running = Gauge(label: "dq_jobs_running", dimensions: dimensions)
        oldestRun = Gauge(label: "dq_job_oldest_run_seconds", dimensions: dimensions)
        outcomes = Dictionary(
            uniqueKeysWithValues: Outcome.allCases.map { outcome in
                let counter = Counter(
                    label: "dq_job_runs_total", dimensions: dimensions + [("outcome", outcome.rawValue)])
                return (outcome, counter)
            })
    }

    /// - Returns: what the run ends by.
    func began(at time: Uptime, lateness duration: Duration, isFirst: Bool) -> UInt64 {
        if isFirst { lateness.record(duration: duration) }
        return state.withLockedValue { state in
            let run = state.runs.begin(at: time)
            tell(state.runs, at: time)
            if state.timer == nil { state.timer = makeTimer() }
            return run
        }
    }

    func ended(_ run: UInt64, from start: Uptime, to time: Uptime, _ outcome: Outcome) {
        state.withLockedValue { state in
            state.runs.end(run)
            tell(state.runs, at: time)
        }
        runTime.recordNanoseconds(time.microseconds(since: start) * 1000)
        outcomes[outcome]?.increment()
    }

    /// Whether the age of the oldest run is told again in a while.
    var hasTimer: Bool { state.withLockedValue { $0.timer != nil } }

    /// The worker has ended. Where the type's runs have too, nothing is left behind.
    func stop() {
        state.withLockedValue { state in
            guard state.runs.count == 0 else { return }
            state.timer?.cancel()
            state.timer = nil
        }
    }

    /// Under the lock, so that the last values told are the right ones.
    private func tell(_ runs: RunsUnderWay, at time: Uptime) {
        running.record(runs.count)
        oldestRun.record(Double(runs.oldest(at: time)) / 1_000_000)
    }

    /// It is not cancelled as the last run ends, since the next one may begin at once.
    private func makeTimer() -> Scheduled<Void> {
        queue.eventLoop.scheduleTask(in: TimeAmount(Self.interval)) {
            state.withLockedValue { state in
                state.timer = nil
                // A handler that goes on though its queue was closed is told of no more.
                guard state.runs.count > 0, !queue.isClosed else { return }
                tell(state.runs, at: queue.configuration.clock.read().uptime)
                state.timer = makeTimer()
            }
        }
    }
}
