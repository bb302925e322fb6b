package import Beanstalk
package import NIOCore

/// What a consumer finds in a tube.
package enum JobRecord: Sendable, Hashable {
    case native(Envelope)
    case goQueue(GoQueueRecord)
    /// Somebody else's job, as it is; also one that begins like an envelope and is none.
    case foreign(ByteBuffer)

    package init(parsing record: ByteBuffer) {
        if let envelope = Envelope.parse(record) {
            self = .native(envelope)
        } else if let goQueue = GoQueueRecord.parse(record) {
            self = .goQueue(goQueue)
        } else {
            self = .foreign(record)
        }
    }

    /// Nil for a foreign job, as are all properties but `copies` and the body.
    package var id: JobID? {
        switch self {
        case .native(let envelope): envelope.id
        case .goQueue(let record): record.id
        case .foreign: nil
        }
    }

    package var fireTime: Timestamp? {
        switch self {
        case .native(let envelope): envelope.fireTime
        case .goQueue(let record): record.fireTime
        case .foreign: nil
        }
    }

    /// Seconds.
    package var timeToRun: UInt32? {
        switch self {
        case .native(let envelope): envelope.timeToRun
        case .goQueue: GoQueueRecord.timeToRun
        case .foreign: nil
        }
    }

    package var priority: UInt32? {
        switch self {
        case .native(let envelope): envelope.priority
        case .goQueue: GoQueueRecord.priority
        case .foreign: nil
        }
    }

    /// The copy's index; nil in records that do not number their copies.
    package var copy: Int? {
        if case .native(let envelope) = self { envelope.copy } else { nil }
    }

    /// How many copies the job has; 0 where that is unknown.
    package var copies: Int {
        if case .native(let envelope) = self { envelope.copies } else { 0 }
    }

    package var headers: JobHeaders {
        if case .native(let envelope) = self { envelope.headers } else { [:] }
    }

    package var body: ByteBuffer {
        switch self {
        case .native(let envelope): envelope.body
        case .goQueue(let record): record.body
        case .foreign(let body): body
        }
    }

    /// The job's key in the ledger; nil for a foreign job, which has none.
    package func ledgerKey(queue: TubeName) -> LedgerKey? {
        switch self {
        case .native(let envelope): LedgerKey(queue: queue, id: envelope.id)
        case .goQueue(let record): LedgerKey(goQueue: record.id)
        case .foreign: nil
        }
    }

    /// What tells this copy of its job from the others; nil for a foreign job.
    ///
    /// - Parameter node: where the copy is.
    /// - Parameter id: its number there.
    package func copyIdentity(on node: BeanstalkNode, id: BeanstalkJobID) -> CopyIdentity? {
        switch self {
        case .native(let envelope) where envelope.copies > 0: .index(envelope.copy)
        case .native, .goQueue: .stored(node.address, id)
        case .foreign: nil
        }
    }
}
