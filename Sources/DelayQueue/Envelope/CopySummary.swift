/// What a consumer decides by when it has reserved a copy.
struct CopySummary {
    let name: JobName
    let fireTime: Timestamp
    /// In microseconds.
    let timeToRun: Int64
    let priority: UInt32
    /// The copy's index; nil in records that do not number their copies.
    let index: Int?
    let role: CopyRole
}

extension JobRecord {
    /// Nil for a foreign job, and for one that is not verified.
    var summary: CopySummary? {
        switch self {
        case .native(let envelope):
            CopySummary(
                name: JobName(id: envelope.id, isGoQueue: false, edition: envelope.edition),
                fireTime: envelope.fireTime,
                timeToRun: Int64(envelope.timeToRun) * 1_000_000,
                priority: envelope.role.isStandby ? DuePriority.ofStandby(envelope.priority) : envelope.priority,
                index: envelope.copy, role: envelope.role)
        case .goQueue(let record):
            CopySummary(
                name: JobName(id: record.id, isGoQueue: true), fireTime: record.fireTime,
                timeToRun: Int64(GoQueueRecord.timeToRun) * 1_000_000, priority: GoQueueRecord.priority, index: nil,
                role: .alone)
        case .sealed, .foreign, .unverified: nil
        }
    }
}
