import Beanstalk

public import struct Foundation.Date

/// How the job of an id of one's own stands, by the ledger.
public struct JobStatus: Hashable, Sendable {
    /// What a job can be.
    public struct State: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case waiting, running, retrying, done, dead, revoked, unknown
        }

        private let value: Value

        /// It waits for its date.
        public static let waiting = State(value: .waiting)

        /// A consumer runs it, or did when the ledger last heard of it, less than a lease ago.
        public static let running = State(value: .running)

        /// It failed, was given back or was replayed, and will run again.
        public static let retrying = State(value: .retrying)

        /// It ran to its end.
        public static let done = State(value: .done)

        /// It was given up, until somebody replays or drops it.
        public static let dead = State(value: .dead)

        /// It was taken back.
        public static let revoked = State(value: .revoked)

        /// The ledger knows nothing of it: it was never scheduled, or is over for longer than records last, or its id
        /// was not the caller's own and it has not run yet.
        public static let unknown = State(value: .unknown)

        public var description: String { value.rawValue }
    }

    public let state: State

    /// The date of a job that waits for it; nil for any other.
    public let fireDate: Date?

    /// What the ledger's record says beyond that, where it was read: ``QueueOperations/find(_:progress:)`` does so.
    public private(set) var record: Record?

    /// What the ledger keeps of a job that ran at least once, or is over.
    public struct Record: Hashable, Sendable {
        /// How many runs were begun; nil of one that is done or revoked.
        public internal(set) var runs: Int?
        /// How many runs failed; nil of one that is done or revoked.
        public internal(set) var failures: Int?
        /// How many leases ended.
        public internal(set) var endedLeases: Int?
        /// The last claim, or replay: a token made afresh for each, which does not tell whose it was. Nil where none is kept.
        public internal(set) var claim: String?
        /// Until when whoever runs the job may run it without a sign of life, by the ledger's clock.
        public internal(set) var leaseEnd: Date?
        /// When a job that waits after a run may be claimed again, by the ledger's clock.
        public internal(set) var retryDate: Date?
        /// Why and when it was given up.
        public internal(set) var death: DeadJob?

        init() {}
    }

    /// - Returns: nil for what does not answer this question.
    package init?(_ reply: LedgerReply) {
        fireDate = if case .scheduled(let date) = reply { date.date } else { nil }
        switch reply {
        case .scheduled: state = .waiting
        case .held(for: .zero), .waiting: state = .retrying
        case .held: state = .running
        case .finished(.done): state = .done
        case .finished(.dead): state = .dead
        case .finished(.revoked): state = .revoked
        case .absent, .finished(.withdrawn): state = .unknown
        default: return nil
        }
    }

    /// How the job of a key stands by what is in the ledger.
    ///
    /// - Parameter now: by the ledger's clock.
    init(_ value: LedgerValue?, of key: LedgerKey, in queue: TubeName, now: Timestamp) {
        if case .editions(let editions) = value, let index = editions.index(of: key.edition),
            case .scheduled = editions.entries[index].state
        {
            state = .waiting
            fireDate = editions.entries[index].date.date
            return
        }
        let record = value?.record(of: key.edition)
        let reply = LedgerRecord.state(of: record, now: now)
        state = JobStatus(reply)?.state ?? .unknown
        fireDate = nil
        guard let record else { return }
        self.record = Record(record, key)
    }
}

extension JobStatus.Record {
    fileprivate init(_ record: LedgerRecord, _ key: LedgerKey) {
        self.init()
        switch record {
        case .claimed(let owner, let attempt, let failures, let leaseEnd, _):
            note(owner, attempt, failures)
            self.leaseEnd = leaseEnd.date
        case .waiting(let owner, let attempt, let failures, let notBefore):
            note(owner, attempt, failures)
            retryDate = notBefore.date
        case .dead(let owner, let attempt, let failures, _, _):
            note(owner, attempt, failures)
            death = DeadJob(key, record)
        case .done(let owner, _):
            claim = owner.description.isEmpty ? nil : owner.description
        case .revoked, .withdrawn: break
        }
    }

    private mutating func note(_ owner: ClaimOwner, _ attempt: Int, _ failures: JobFailures) {
        claim = owner.description
        runs = attempt
        self.failures = failures.errors
        endedLeases = failures.endedLeases
    }
}
