import Beanstalk
import CommandSupport
import DelayQueue
import NIOCore

/// Compares what was delivered with what was scheduled.
struct DemoTally {
    private struct Expected {
        var fireTime: Timestamp
        var body: ByteBuffer
    }

    private var expected: [String: Expected] = [:]
    private var deliveries: [String: [DemoDelivery]] = [:]
    /// How many copies each node took, by its address.
    private(set) var copies: [String: Int] = [:]
    private(set) var lastFireTime: Timestamp?

    mutating func scheduled(_ job: JobSpecification, _ receipt: Receipt) throws {
        let fireTime = try Timestamp(receipt.fireDate)
        expected[receipt.jobID.description] = Expected(fireTime: fireTime, body: job.body)
        lastFireTime = max(lastFireTime ?? fireTime, fireTime)
        for placement in receipt.placements where placement.id != nil {
            copies[placement.node.address.description, default: 0] += 1
        }
    }

    mutating func delivered(_ delivery: DemoDelivery) {
        deliveries[delivery.id, default: []].append(delivery)
    }

    /// How many jobs were scheduled.
    var scheduledCount: Int { expected.count }

    /// How many of them have arrived.
    var deliveredCount: Int { deliveries.keys.count { expected[$0] != nil } }

    /// Deliveries of a job after its first.
    var duplicates: Int { deliveries.values.reduce(0) { $0 + $1.count - 1 } }

    /// Jobs scheduled that never arrived.
    var lost: Int { expected.keys.count { deliveries[$0] == nil } }

    /// Jobs that arrived and were never scheduled.
    var unexpected: Int { deliveries.keys.count { expected[$0] == nil } }

    /// Deliveries before the fire date that was asked for, to the microsecond.
    var early: Int { lateness.count { $0 < .zero } }

    /// Deliveries whose body is not the one that was scheduled.
    var damaged: Int {
        matches.count { $0.expected.body != $0.delivery.body }
    }

    /// How late each delivery was, in ascending order; negative where it was early.
    var lateness: [Duration] {
        matches.map { $0.expected.fireTime.duration(to: $0.delivery.deliveredAt) }.sorted()
    }

    private var matches: [(expected: Expected, delivery: DemoDelivery)] {
        deliveries.values.joined().compactMap { delivery in
            expected[delivery.id].map { ($0, delivery) }
        }
    }
}
