/// What is counted of jobs by what they wait for.
struct PhaseCounts: Equatable {
    /// Between reservation and delivery: the application's demand is used up by them.
    var claims = 0
    /// The application has them.
    var inHand = 0
    /// Their end is with the ledger, or a foreign job's with its node.
    var settlements = 0
    /// Copies of parked jobs.
    var parkedCopies = 0
    /// Due, and waiting for the application to want one more.
    var queued = 0

    static func - (a: PhaseCounts, b: PhaseCounts) -> PhaseCounts {
        PhaseCounts(
            claims: a.claims - b.claims, inHand: a.inHand - b.inHand, settlements: a.settlements - b.settlements,
            parkedCopies: a.parkedCopies - b.parkedCopies, queued: a.queued - b.queued)
    }

    static func += (a: inout PhaseCounts, b: PhaseCounts) {
        a.claims += b.claims
        a.inHand += b.inHand
        a.settlements += b.settlements
        a.parkedCopies += b.parkedCopies
        a.queued += b.queued
    }
}
