import Metrics

/// What a producer counts, through swift-metrics; every metric has the dimension `queue`.
struct ProducerMetrics: Sendable {
    private let scheduled: Counter
    private let refused: Counter
    private let revoked: Counter
    private let leadsLost: Counter

    init(queue: String) {
        let dimensions = [("queue", queue)]
        scheduled = Counter(label: "dq_jobs_scheduled_total", dimensions: dimensions)
        refused = Counter(label: "dq_jobs_refused_total", dimensions: dimensions)
        revoked = Counter(label: "dq_jobs_revoked_total", dimensions: dimensions)
        leadsLost = Counter(label: "dq_leads_lost_total", dimensions: dimensions)
    }

    /// What a call was told.
    func record(_ results: [Result<Receipt, DelayQueueError>]) {
        var accepted = 0
        for result in results { if case .success = result { accepted += 1 } }
        if accepted > 0 { scheduled.increment(by: accepted) }
        if accepted < results.count { refused.increment(by: results.count - accepted) }
    }

    func recordLostLeads(_ count: Int) {
        leadsLost.increment(by: count)
    }

    /// What a revocation was told.
    func record(_ outcome: Result<RevokeOutcome, DelayQueueError>) {
        if case .success(.revoked) = outcome { revoked.increment() }
    }
}
