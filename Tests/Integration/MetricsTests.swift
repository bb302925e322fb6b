import DelayQueue
import DelayQueueTestKit
import Metrics
import MetricsTestKit
import TestSupport
import Testing

@Suite("Metrics", .serialized, .timeLimit(.minutes(4)))
struct MetricsTests {
    private func count(_ label: String, _ scenario: Scenario) throws -> Int64 {
        try processMetrics.expectCounter(label, [("queue", scenario.tube)]).totalValue
    }

    @Test func `each fate of a job is counted, under the queue's name`() async throws {
        _ = processMetrics
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                for body in ["complete", "retry", "bury", "drop"] { try await producer.delay(.zero, body) }
                let revoked = try await producer.delay(.seconds(60), "revoked")
                _ = try await producer.revoke(revoked)
                for node in scenario.cluster.nodes.dropFirst() { await node.kill() }
                _ = try? await producer.delay(.zero, "refused")
                for node in scenario.cluster.nodes.dropFirst() { try await node.restart() }

                var left: Set = ["complete", "retry", "bury", "drop"]
                for try await job in consumer {
                    switch job.text {
                    case "retry" where job.attempt == 1: try await job.retry(after: .zero)
                    case "drop" where job.attempt == 1: continue
                    case "bury":
                        try await job.bury(reason: "test")
                        left.remove(job.text)
                    default:
                        try await job.complete()
                        left.remove(job.text)
                    }
                    if left.isEmpty { break }
                }
                let counts = [
                    ("dq_jobs_scheduled_total", 5), ("dq_jobs_refused_total", 1), ("dq_jobs_revoked_total", 1),
                    ("dq_jobs_delivered_total", 6), ("dq_jobs_completed_total", 3), ("dq_jobs_retried_total", 1),
                    ("dq_jobs_buried_total", 1), ("dq_jobs_returned_total", 1),
                ]
                for (label, expected) in counts {
                    let counted = try count(label, scenario)
                    #expect(counted == expected, "\(label)")
                }
                let lateness = try processMetrics.expectTimer("dq_job_lateness_seconds", [("queue", scenario.tube)])
                #expect(lateness.values.count == 4, "first runs")
                #expect(lateness.values.allSatisfy { $0 >= 0 })
                let reruns = try processMetrics.expectTimer(
                    "dq_job_rerun_lateness_seconds", [("queue", scenario.tube)])
                #expect(reruns.values.count == 2, "of what was retried, and of what was dropped")
            }
        }
    }
}
