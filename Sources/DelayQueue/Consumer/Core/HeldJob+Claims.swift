import Beanstalk

extension HeldJob {
    /// Whether a job may be claimed now.
    enum Readiness: Equatable {
        /// The job is not held, or not due.
        case notNow
        case ready
        /// Its reservations grew old; they must be confirmed first.
        case stale
    }

    /// - Parameter time: by the fleet's clock.
    func readiness(at time: Timestamp, now: Uptime) -> Readiness {
        // Where no copy is left one of them is on its way, or the job is let go of.
        guard case .holding = phase, due <= time, !copies.isEmpty else { return .notNow }
        return hasFreshCopy(now) ? .ready : .stale
    }

    func hasFreshCopy(_ now: Uptime) -> Bool {
        copies.contains { $0.isFresh(now) }
    }

    /// Whether a claim under this owner is under way.
    func isClaiming(by owner: ClaimOwner) -> Bool {
        if case .claiming(owner) = phase { true } else { false }
    }

    /// - Parameter owner: nil for any.
    func settling(by owner: ClaimOwner? = nil) -> (claim: HeldClaim, pending: PendingSettlement)? {
        guard case .settling(let claim, let pending) = phase, owner == nil || claim.owner == owner else { return nil }
        return (claim, pending)
    }

    /// The claim of a job that the application has.
    var claimInHand: HeldClaim? {
        guard case .claimed(let claim) = phase else { return nil }
        return claim
    }
}
