// Rules that are about jobs and consumers beside those that something is done to.
extension Judge {
    // MARK: Rules 8 and 9

    mutating func judgePoison(_ job: JobStory) {
        guard let id = job.id, let story = stories[id] else {
            if job.isPoison, job.fate == .accepted { violate(.poison, "\(job.token): never claimed") }
            return
        }
        let runs = runs[id] ?? []
        guard !job.isPoison else {
            let deaths = runs.count { $0.outcome == .poisoned }
            if deaths > 5 { violate(.poison, "\(id): killed \(deaths) consumers") }
            if !story.isGivenUp { violate(.poison, "\(id): not given up after \(deaths) deaths") }
            if runs.contains(where: { $0.outcome == .completed }) { violate(.poison, "\(id): completed") }
            return
        }
        let cut = runs.count { run in
            guard let claim = story.claim(attempt: run.attempt), claim.ending == .overtaken else { return false }
            return obstacle(to: run.process, renewingBefore: claim.leaseEnd) == .consumerPoisoned
        }
        if cut > 2 { violate(.blamed, "\(id): poison cut \(cut) of its runs short") }
        guard story.isGivenUp else { return }
        let accounted = runs.count { run in
            guard let claim = story.claim(attempt: run.attempt), claim.alone, claim.ending == .overtaken,
                let reason = obstacle(to: run.process, renewingBefore: claim.leaseEnd)
            else { return false }
            return reason != .consumerPoisoned
        }
        if accounted < 3 { violate(.blamed, "\(id): given up, with \(accounted) leases that ended while it was alone") }
    }

    // MARK: Rule 10

    mutating func judgeCutOff(_ fault: Fault) {
        guard case .link(.consumer, .ledger) = fault.target, fault.kind == .refuse || fault.kind == .stallBoth,
            fault.end - fault.start > history.lease
        else { return }
        let limit = history.lease + .seconds(5)
        for job in history.jobs where job.fireDate >= fault.start && job.fireDate <= fault.end {
            guard job.fate == .accepted, let id = job.id, let claim = stories[id]?.claims.first else { continue }
            let latest = min(claim.granted, job.fireDate + limit)
            // What was disturbed a moment ago may still be.
            let from = job.fireDate - .seconds(3)
            guard latest <= fault.end, !history.faults.contains(where: { $0 != fault && $0.overlaps(from, latest) }),
                !poisonings.values.contains(where: { from <= $0 && $0 <= latest })
            else { continue }
            verdict.waitsBesideCutOff.append(max(claim.granted - job.fireDate, .zero))
            if claim.granted > job.fireDate + limit {
                violate(.kept, "\(id): claimed \(claim.granted - job.fireDate) after its date, beside \(fault.target)")
            }
        }
    }
}
