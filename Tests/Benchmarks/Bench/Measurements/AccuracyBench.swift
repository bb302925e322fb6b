import DelayQueue
import Foundation
import NIOCore

/// Measures how late jobs are delivered, against a thread that does nothing but sleep until each instant.
struct AccuracyBench: Sendable {
    let cluster: BenchCluster
    let jobs: Int
    let bodySize: Int
    /// The time over which the jobs fall due.
    let duration: Duration

    /// For everything to be scheduled before the first job is due.
    private var lead: Duration { .seconds(2) + .microseconds(Int64(jobs) * 50) }

    /// - Parameter mode: nil for the thread.
    func measure(_ mode: CopyMode?) async throws -> Measurement {
        guard let mode else { return try await measureCeiling() }
        return try await measureJobs(mode)
    }

    /// Instants at chance, in order.
    private func instants(from start: Timestamp) -> [Timestamp] {
        let span = duration / .microseconds(1)
        return (0..<jobs).map { _ in start + .microseconds(Int64(Double.random(in: 0..<span))) }.sorted()
    }

    private func measureCeiling() async throws -> Measurement {
        let instants = instants(from: .now() + .milliseconds(100))
        return try await Measurement.of(cluster.probe) {
            let latenesses = try await cluster.raw.onThread { _ in
                instants.map { instant in
                    var now = Timestamp.now()
                    while now < instant {
                        Thread.sleep(forTimeInterval: now.duration(to: instant) / .seconds(1))
                        now = .now()
                    }
                    return instant.duration(to: now)
                }
            }
            return (jobs, latenesses)
        }
    }

    private func measureJobs(_ mode: CopyMode) async throws -> Measurement {
        let ledger = try cluster.ledger()
        let consumer = try cluster.consumer(ledger)
        let producer = try cluster.producer(mode)
        let instants = instants(from: .now() + lead)
        let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize)
        let measurement = try await Measurement.of(cluster.probe) {
            let latenesses = try await withThrowingTaskGroup(of: [Duration].self) { group in
                group.addTask {
                    var latenesses: [Duration] = []
                    for try await job in consumer {
                        latenesses.append(job.fireTimestamp.duration(to: .now()))
                        job.completeSoon()
                        if latenesses.count == jobs { break }
                    }
                    return latenesses
                }
                for result in await producer.schedule(instants.map { JobRequest(at: $0.date, body) }) {
                    _ = try result.get()
                }
                return try await group.next() ?? []
            }
            // Copies that stand by are deleted a little after their job is delivered.
            await consumer.close()
            return (jobs, latenesses)
        }
        await producer.close()
        await ledger.close()
        return measurement
    }
}
