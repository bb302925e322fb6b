import Beanstalk
import DelayQueue
import NIOCore

/// Measures one call of `delay` after the other, against a bare put to every node and the wait for the slowest.
struct LatencyBench: Sendable {
    let cluster: BenchCluster
    let jobs: Int
    let bodySize: Int

    private static let delay = Duration.seconds(600)

    /// Who schedules.
    enum Caller {
        case bare
        case task
        /// Its task prefers `Producer.taskExecutor`.
        case taskOnLoop
    }

    func measure(_ caller: Caller) async throws -> Measurement {
        switch caller {
        case .bare: try await measureCeiling()
        case .task: try await measureCalls(onLoop: false)
        case .taskOnLoop: try await measureCalls(onLoop: true)
        }
    }

    private var body: ByteBuffer { ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize) }

    private func measureCeiling() async throws -> Measurement {
        let puts = try await cluster.raw.onThread { [jobs, body] in
            $0.puts(jobs: jobs + 1, body: body, due: .now() + Self.delay)
        }
        var ids: [[UInt64]] = []
        let measurement = try await Measurement.of(cluster.probe) {
            let (times, stored) = try await cluster.raw.onThread { try $0.putOneByOne(puts) }
            ids = stored
            return (jobs, times)
        }
        try await cluster.raw.onThread { [ids] in try $0.delete(ids) }
        return measurement
    }

    private func measureCalls(onLoop: Bool) async throws -> Measurement {
        let producer = try cluster.producer()
        // Opens the connections.
        var receipts = [try await producer.delay(Self.delay, body)]
        let measurement = try await Measurement.of(cluster.probe) {
            let (times, more) = try await withTaskExecutorPreference(onLoop ? producer.taskExecutor : nil) {
                var times: [Duration] = []
                var receipts: [Receipt] = []
                times.reserveCapacity(jobs)
                for _ in 0..<jobs {
                    let start = ContinuousClock.now
                    receipts.append(try await producer.delay(Self.delay, body))
                    times.append(ContinuousClock.now - start)
                }
                return (times, receipts)
            }
            receipts += more
            return (jobs, times)
        }
        await producer.close()
        try await cluster.clear(receipts)
        return measurement
    }
}
