import Metrics
import NIOConcurrencyHelpers

/// What a worker counts of one type of job, through swift-metrics; every metric has the dimensions `queue` and `type`.
struct JobTypeMetrics: Sendable {
    /// How a run ended, as the dimension `outcome` says.
    enum Outcome: String, CaseIterable {
        case completed, retried, buried, returned
    }

    let timedOut: Counter
    private let runTime: Timer
    /// First attempts only: what is tried again is late for another reason.
    private let lateness: Timer
    private let running: Gauge
    private let outcomes: [Outcome: Counter]
    private let runningNow = NIOLockedValueBox(0)

    init(queue: String, type: String) {
        let dimensions = [("queue", queue), ("type", type)]
        timedOut = Counter(label: "dq_jobs_timed_out_total", dimensions: dimensions)
        runTime = Timer(label: "dq_job_run_seconds", dimensions: dimensions)
        lateness = Timer(label: "dq_job_type_lateness_seconds", dimensions: dimensions)
        running = Gauge(label: "dq_jobs_running", dimensions: dimensions)
        outcomes = Dictionary(
            uniqueKeysWithValues: Outcome.allCases.map { outcome in
                let counter = Counter(
                    label: "dq_job_runs_total", dimensions: dimensions + [("outcome", outcome.rawValue)])
                return (outcome, counter)
            })
    }

    func began(lateness duration: Duration, isFirst: Bool) {
        if isFirst { lateness.record(duration: duration) }
        changeRunning(by: 1)
    }

    func ended(after duration: Duration, _ outcome: Outcome) {
        changeRunning(by: -1)
        runTime.record(duration: duration)
        outcomes[outcome]?.increment()
    }

    private func changeRunning(by change: Int) {
        // Under the lock, so that the last value told is the right one.
        runningNow.withLockedValue { count in
            count += change
            running.record(count)
        }
    }
}
