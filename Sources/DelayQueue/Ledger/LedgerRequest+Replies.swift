extension LedgerRequest.Operation {
    /// What is asked for, without saying by whom or about what.
    enum Kind: UInt8, Sendable, Hashable {
        case claim, endLease, takeTurn, renew, complete, retry, release, bury, noteCopies, replay, revoke, forget,
            intend, confirm, withdraw, record, status, time, checkIn, checkOut, pause, resume

        /// Whether a ledger can answer so.
        func allows(_ reply: LedgerReply) -> Bool {
            switch reply {
            case .granted: self == .claim || self == .takeTurn
            case .ended, .suspect, .early: self == .claim
            case .renewed: self == .renew
            case .revoked, .running, .alreadyDone: self == .revoke
            case .forgotten: self == .forget
            case .noted: self == .noteCopies
            case .replayed: self == .replay
            case .time: self == .time
            case .checkedIn: self == .checkIn
            case .checkedOut: self == .checkOut
            case .paused: self == .pause
            case .resumed: self == .resume
            case .intended: self == .intend
            case .confirmed: self == .confirm
            case .withdrawn: self == .withdraw
            case .same, .taken: self == .intend || self == .confirm
            case .full: self == .intend
            case .scheduled: self == .status || self == .withdraw || self == .record
            case .settled: self == .complete || self == .retry || self == .release || self == .bury
            case .lost: self == .renew || self == .complete || self == .retry || self == .release || self == .bury
            // The state of the record, where the operation does not apply.
            case .absent, .held, .waiting, .finished:
                self == .claim || self == .endLease || self == .takeTurn || self == .noteCopies || self == .replay
                    || self == .forget || (self == .revoke || self == .resume) && reply == .absent || self == .intend
                    || self == .confirm || self == .withdraw || self == .record || self == .status
            }
        }
    }

    var kind: Kind {
        switch self {
        case .claim: .claim
        case .endLease: .endLease
        case .takeTurn: .takeTurn
        case .renew: .renew
        case .complete: .complete
        case .retry: .retry
        case .release: .release
        case .bury: .bury
        case .noteCopies: .noteCopies
        case .replay: .replay
        case .revoke: .revoke
        case .forget: .forget
        case .intend: .intend
        case .confirm: .confirm
        case .withdraw: .withdraw
        case .record: .record
        case .status: .status
        case .time: .time
        case .board(.checkIn): .checkIn
        case .board(.checkOut): .checkOut
        case .board(.pause): .pause
        case .board(.resume): .resume
        }
    }
}
