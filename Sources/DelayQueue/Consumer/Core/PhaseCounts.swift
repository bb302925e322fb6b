/// What is counted of jobs by what they wait for.
struct PhaseCounts: Equatable {
    /// Jobs on their way from a claim to the application, each of which uses up one place of its demand.
    var claims = 0
    /// Jobs that the application has.
    var inHand = 0
    /// Jobs whose settlement waits for the ledger's answer or, for a foreign job, its node's.
    var settlements = 0
    /// Copies of parked jobs.
    var parkedCopies = 0
    /// Due jobs that wait for the application to want one more.
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
