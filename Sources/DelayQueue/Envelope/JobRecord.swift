package import NIOCore

/// What a consumer finds in a tube.
package enum JobRecord: Sendable, Hashable {
    case native(Envelope)
    /// Neither verified nor opened; fit to be looked at, never to be run.
    case sealed(SealedEnvelope)
    case goQueue(GoQueueRecord)
    /// Somebody else's job, as it is; also one that begins like an envelope and is none.
    case foreign(ByteBuffer)
    /// Not proven to be a producer's.
    case unverified(SealProblem)

    /// Reads a record without keys; ``init(parsing:opening:queue:)`` is what consumers use.
    package init(parsing record: ByteBuffer) {
        if let envelope = SealedEnvelope.parse(record) {
            self = .sealed(envelope)
        } else if let envelope = Envelope.parse(record) {
            self = .native(envelope)
        } else if let goQueue = GoQueueRecord.parse(record) {
            self = .goQueue(goQueue)
        } else {
            self = .foreign(record)
        }
    }

    /// Nil for a foreign or unverified job, as are `fireTime` and `copy`.
    package var id: JobID? {
        switch self {
        case .native(let envelope): envelope.id
        case .sealed(let envelope): envelope.line.id
        case .goQueue(let record): record.id
        case .foreign, .unverified: nil
        }
    }

    /// Nil for copies that tell none.
    package var edition: JobEdition? {
        switch self {
        case .native(let envelope): envelope.edition
        case .sealed(let envelope): envelope.line.edition
        case .goQueue, .foreign, .unverified: nil
        }
    }

    package var fireTime: Timestamp? {
        switch self {
        case .native(let envelope): envelope.fireTime
        case .sealed(let envelope): envelope.line.fireTime
        case .goQueue(let record): record.fireTime
        case .foreign, .unverified: nil
        }
    }

    /// The copy's index; nil in records that do not number their copies.
    package var copy: Int? {
        switch self {
        case .native(let envelope): envelope.copy
        case .sealed(let envelope): envelope.line.copy
        case .goQueue, .foreign, .unverified: nil
        }
    }

    /// How many copies the job has; 0 where that is unknown.
    package var copies: Int {
        switch self {
        case .native(let envelope): envelope.copies
        case .sealed(let envelope): envelope.line.copies
        case .goQueue, .foreign, .unverified: 0
        }
    }

    package var role: CopyRole {
        switch self {
        case .native(let envelope): envelope.role
        case .sealed(let envelope): envelope.line.role
        case .goQueue, .foreign, .unverified: .alone
        }
    }

    package var headers: JobHeaders {
        if case .native(let envelope) = self { envelope.headers } else { [:] }
    }

    package var body: ByteBuffer? {
        switch self {
        case .native(let envelope): envelope.body
        case .goQueue(let record): record.body
        case .foreign(let body): body
        case .sealed, .unverified: nil
        }
    }
}
