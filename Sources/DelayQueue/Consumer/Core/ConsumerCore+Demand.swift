import HeapModule

// Demand comes and goes in moments: an application that takes one job at a time wants none while it has one. A job that
// falls due meanwhile waits for it here, since on the way back to its node it could be late by a second: a connection's
// commands are run in order, behind a reserve that waits.
extension ConsumerCore {
    /// How many more jobs the application will take within the demand horizon.
    package mutating func setDemand(_ demand: Int, now: Moment) {
        self.demand = max(0, demand)
        while unmetDemand > 0, let id = jobs.popQueued(), let job = jobs[id] {
            if job.due > clock.time(now) {
                // The clock was set back.
                dueHeap.insert(DueJob(due: job.due, job: id))
            } else {
                claimIfDue(id, now: now)
            }
        }
        runSuspect(now: now)
    }

    /// Room for jobs that are due now.
    var unmetDemand: Int { isTaking ? max(0, demand - claimsUnderway) : 0 }

    /// A due job for which there is no room is kept for as long as the application may be back for it.
    mutating func awaitDemand(_ id: HeldJobID, now: Moment) {
        guard let job = jobs[id], !job.isQueued else { return }
        guard isTaking, claimsUnderway + jobsInHand > 0 || hasJustDelivered(now) else {
            // Reserving is exclusive: what the application will not take soon, others may.
            releaseAll(id, delay: 0)
            return
        }
        jobs.queue(id)
        setAlarm(id, after: DemandMeter.window, now: now)
    }

    /// Gives back a due job that the application has not come for in time.
    mutating func giveUpQueued(_ id: HeldJobID) {
        guard jobs[id]?.isQueued == true else { return }
        releaseAll(id, delay: 0)
    }

    /// Whether the application got a job so short a time ago that it may be about to ask for the next one.
    private func hasJustDelivered(_ now: Moment) -> Bool {
        lastDelivery.map { now.uptime - $0 < DemandMeter.window } ?? false
    }
}
