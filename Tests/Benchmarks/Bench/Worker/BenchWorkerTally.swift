import DelayQueue
import Foundation
import NIOConcurrencyHelpers

/// What a worker has got so far.
final class BenchWorkerTally: Sendable {
    private struct State {
        var delivered = 0
        var checksum: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    func add(_ id: JobID) {
        let checksum = Self.checksum(of: id)
        state.withLockedValue { state in
            state.delivered += 1
            state.checksum &+= checksum
        }
    }

    /// Adds up to the same for the same jobs in any order.
    static func checksum(of id: JobID) -> UInt64 {
        id.description.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    var report: BenchWorkerReport {
        let state = state.withLockedValue { $0 }
        let usage = ClientUsage.now()
        return BenchWorkerReport(
            delivered: state.delivered, checksum: state.checksum, cpuMicroseconds: Int(usage.cpu / .microseconds(1)),
            memory: ClientUsage.memory() ?? usage.peakMemory,
            peakMemory: usage.peakMemory)
    }
}
