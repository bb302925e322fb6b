import Beanstalk

// Records nobody here wrote. They have no id and no entry in the ledger: only their node knows about them.
extension ConsumerCore {
    mutating func takeForeign(
        _ copy: BeanstalkJobID, _ record: JobRecord, size: Int, link: Int, sentAt: Moment, now: Moment
    ) {
        guard settings.foreignPolicy == .deliver else {
            links[link].aside[copy] = .foreign
            send(.inspectAside(copy), to: link, for: nil)
            return
        }
        let place = StoredCopy(settings.nodes[node(of: link)].address, copy)
        let id = JobID(unchecked: String("\(place)".prefix(JobID.maximumLength)))
        // How long it may run and its priority are not known yet; nothing needs them before its node has told.
        let held = HeldCopy(
            link: link, id: copy, index: nil, isStandby: false, timeToRun: 60_000_000, priority: 0,
            confirmedAt: sentAt.uptime)
        let shared = JobContents(
            name: JobName(id: id, isGoQueue: false), queue: settings.queue, record: record, fireTime: now.wall)
        let heldID = jobs.insert(shared, held, size: size, due: now.wall)
        noteRoom(on: link)
        jobs.enter(.inspecting(copy: copy, link: link), heldID)
        send(.inspect(copy), to: link, for: heldID)
        if nextHeartbeat == nil { nextHeartbeat = now.uptime + heartbeatInterval }
    }

    mutating func inspectedForeign(_ id: HeldJobID, _ statistics: JobStatistics, now: Moment) {
        guard let job = jobs[id], let copy = job.copies.first else { return }
        job.changeCopy(at: 0) {
            $0.timeToRun = Int64(UInt32(clamping: max(1, statistics.timeToRun))) * 1_000_000
            $0.priority = statistics.priority
        }
        let look = now.uptime + heartbeatInterval(for: job.copies.first ?? copy)
        nextHeartbeat = min(nextHeartbeat ?? look, look)
        jobs.enter(.holding, id)
        guard unmetDemand > 0 else {
            releaseAll(id, delay: 0)
            return
        }
        // Each reservation but this one may have been a run that failed: nobody keeps count but the node.
        let attempt = max(1, statistics.reserves)
        let claim = HeldClaim(
            owner: ClaimOwner(unchecked: "-"), attempt: attempt, failures: JobFailures(errors: attempt - 1),
            leaseEnd: .distantFuture, renewAt: .distantFuture)
        jobs.enter(.claimed(claim), id)
        demand = max(0, demand - 1)
        effects.append(.foreignJob(node: node(of: copy.link), copy.id, .deliver))
        effects.append(.deliver(id, job.shared, attempt: attempt, failures: claim.failures))
    }

    /// Tells the node how the run ended.
    mutating func settleForeign(_ id: HeldJobID, _ pending: PendingSettlement) {
        guard let copy = jobs[id]?.copies.first else { return }
        let kind: NodeCall.Kind =
            switch pending.settlement {
            case .complete: .delete(copy.id, index: nil)
            case .retry(let delay), .giveBack(let delay):
                .release(copy.id, priority: copy.priority, delay: PutDelay.secondsRoundedUp(delay))
            case .bury: .bury(copy.id, priority: copy.priority)
            }
        send(kind, to: copy.link, for: id)
        // The node alone ends its run, and the application waits for that.
        links[copy.link].hasUrgentCalls = true
    }

    /// - Returns: whether the answer was about a foreign job's settlement.
    mutating func settleForeignAnswered(_ id: HeldJobID, _ kind: NodeCall.Kind, _ reply: BeanstalkReply) -> Bool {
        guard let job = jobs[id], job.isForeign, case .settling(_, let pending) = job.phase else { return false }
        let isDone: Bool
        switch kind {
        case .delete: isDone = reply == .deleted
        case .release: isDone = reply == .released
        case .bury: isDone = reply == .buried(nil)
        case .fetch, .probe, .peekNext, .lookAhead, .touch, .inspect, .inspectAside, .buryAside: return false
        }
        if isDone, case .bury(let reason) = pending.settlement {
            effects.append(.buried(job.id, reason: reason, isAutomatic: pending.waiter == nil))
        }
        effects.append(.settled(id, pending.settlement, waiter: pending.waiter, isDone ? nil : .claimLost))
        jobs.remove(id)
        return true
    }

    /// Ends a foreign job's run here where its reservation is gone, as its node will give it to somebody else.
    mutating func loseForeign(_ id: HeldJobID) {
        guard let job = jobs[id], job.copies.isEmpty else { return }
        switch job.phase {
        case .claimed: effects.append(.leaseLost(id))
        case .settling(_, let pending):
            effects.append(.settled(id, pending.settlement, waiter: pending.waiter, .claimLost))
        default: break
        }
        jobs.remove(id)
    }
}
