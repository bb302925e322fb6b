/// The priority a copy is put with, which keeps a node's ready queue in due order.
///
/// Two bits of class, then 30 bits of fire time in steps of 4 ms. beanstalkd orders ready jobs by priority and then
/// by id, so with equal priorities a job would come out in the order of its put, not of its date.
/// The steps wrap every 49.7 days: only the order within a backlog that spans the wrap is affected.
package enum DuePriority {
    /// The priority with which a dead job's copy goes back to its node, so that it comes after all others.
    package static let dead = UInt32.max

    private static let timeBits: UInt32 = 30
    private static let step: Int64 = 4_000

    /// By how much a standby comes behind its date, in steps: 5 minutes. In any backlog shorter than that leads come out
    /// first, and with them word of the standbys that nobody needs to fetch.
    private static let standbySteps: UInt32 = 75_000

    /// The priority of a standby whose lead has this one.
    package static func ofStandby(_ priority: UInt32) -> UInt32 {
        let mask: UInt32 = 1 << timeBits - 1
        return priority & ~mask | (priority &+ standbySteps) & mask
    }

    package static func encode(fireTime: Timestamp, priority: JobPriority) -> UInt32 {
        let steps = UInt64(bitPattern: max(fireTime.microseconds, 0) / step)
        return priority.value.rawValue << timeBits | UInt32(truncatingIfNeeded: steps) & (1 << timeBits - 1)
    }
}
