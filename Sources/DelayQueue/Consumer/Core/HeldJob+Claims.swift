import Beanstalk

extension HeldJob {
    /// What becomes of a claim that is made now.
    enum Readiness: Equatable {
        /// It is not held, not due, or none of its copies may ask.
        case notNow
        case ready(HeldCopy)
        /// Its reservations grew old; they must be confirmed first.
        case stale
    }

    /// - Parameter inspected: the one copy that may ask; nil for any.
    func readiness(inspected: BeanstalkJobID?, now: Moment) -> Readiness {
        guard case .holding = phase, due <= now.wall else { return .notNow }
        var areLeftOver = true
        for copy in copies where !copy.isLeftOver {
            areLeftOver = false
            if inspected == nil || copy.id == inspected, copy.isFresh(now.uptime) { return .ready(copy) }
        }
        // Those wait for their nodes' word, and are deleted then.
        return areLeftOver ? .notNow : .stale
    }

    func hasFreshCopy(_ now: Uptime) -> Bool {
        copies.contains { $0.isFresh(now) }
    }

    /// - Returns: the copy a claim under this owner was made with, nil where that was reserved anew since, and its node;
    ///   nil where no such claim is under way.
    func claiming(by owner: ClaimOwner) -> (copy: BeanstalkJobID?, node: Int)? {
        guard case .claiming(owner, let copy, let node) = phase else { return nil }
        return (copy, node)
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
