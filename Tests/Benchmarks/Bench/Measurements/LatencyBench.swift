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
        /// Its producer has a ledger, and so answers before a lead is stored.
        case taskWithLedger
        case taskOnLoopWithLedger
    }

    func measure(_ caller: Caller, _ mode: CopyMode) async throws -> Measurement {
        switch caller {
        case .bare: try await measureCeiling(mode)
        case .task: try await measureCalls(mode, onLoop: false)
        case .taskOnLoop: try await measureCalls(mode, onLoop: true)
        case .taskWithLedger: try await measureCalls(mode, onLoop: false, ledger: try cluster.ledger())
        case .taskOnLoopWithLedger: try await measureCalls(mode, onLoop: true, ledger: try cluster.ledger())
        }
    }

    private var body: ByteBuffer { ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize) }

    private func measureCeiling(_ mode: CopyMode) async throws -> Measurement {
        let puts = try await cluster.raw.onThread { [jobs, body] in
            $0.puts(jobs: jobs + 1, body: body, due: .now() + Self.delay, mode: mode)
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

    private func measureCalls(_ mode: CopyMode, onLoop: Bool, ledger: RedisLedger? = nil) async throws -> Measurement {
        let producer = try cluster.producer(mode, ledger: ledger)
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
        await ledger?.close()
        try await cluster.clear(receipts)
        return measurement
    }
}
