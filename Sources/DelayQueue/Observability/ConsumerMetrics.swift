import Metrics

/// What a consumer counts, through swift-metrics; every metric has the dimension `queue`.
struct ConsumerMetrics: Sendable {
    let delivered: Counter
    let completed: Counter
    let retried: Counter
    let buried: Counter
    let returned: Counter
    let duplicateCopies: Counter
    let foreignJobs: Counter
    let lateJobs: Counter
    let unverifiedJobs: Counter
    let oversizedJobs: Counter
    let leasesLost: Counter
    let settlingFailures: Counter
    let nodeOutages: Counter
    let ledgerOutages: Counter
    let connectionsCut: Counter
    /// Of first attempts only: it tells how late the queue is, and nothing of failures and crashes.
    private let lateness: Timer
    /// Of all other attempts, which waited for a retry, or for a lease to end.
    private let rerunLateness: Timer
    /// By how much this machine's clock is ahead of the ledger's.
    let clockSkew: Gauge

    init(queue: String) {
        let dimensions = [("queue", queue)]
        delivered = Counter(label: "dq_jobs_delivered_total", dimensions: dimensions)
        completed = Counter(label: "dq_jobs_completed_total", dimensions: dimensions)
        retried = Counter(label: "dq_jobs_retried_total", dimensions: dimensions)
        buried = Counter(label: "dq_jobs_buried_total", dimensions: dimensions)
        returned = Counter(label: "dq_jobs_returned_total", dimensions: dimensions)
        duplicateCopies = Counter(label: "dq_duplicate_copies_total", dimensions: dimensions)
        foreignJobs = Counter(label: "dq_foreign_jobs_total", dimensions: dimensions)
        lateJobs = Counter(label: "dq_late_jobs_total", dimensions: dimensions)
        unverifiedJobs = Counter(label: "dq_unverified_jobs_total", dimensions: dimensions)
        oversizedJobs = Counter(label: "dq_oversized_jobs_total", dimensions: dimensions)
        leasesLost = Counter(label: "dq_leases_lost_total", dimensions: dimensions)
        settlingFailures = Counter(label: "dq_settling_failures_total", dimensions: dimensions)
        nodeOutages = Counter(label: "dq_node_outages_total", dimensions: dimensions)
        ledgerOutages = Counter(label: "dq_ledger_outages_total", dimensions: dimensions)
        connectionsCut = Counter(label: "dq_connections_cut_total", dimensions: dimensions)
        lateness = Timer(label: "dq_job_lateness_seconds", dimensions: dimensions)
        rerunLateness = Timer(label: "dq_job_rerun_lateness_seconds", dimensions: dimensions)
        clockSkew = Gauge(label: "dq_clock_skew_seconds", dimensions: dimensions)
    }

    /// A job was handed over.
    func record(lateness duration: Duration, attempt: Int) {
        (attempt == 1 ? lateness : rerunLateness).record(duration: duration)
    }
}
