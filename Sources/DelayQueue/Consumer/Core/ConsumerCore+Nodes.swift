package import Beanstalk
import HeapModule
import NIOCore
package import PipelinedTransport

extension ConsumerCore {
    // MARK: To a node

    /// What to send to a node now; nil when there is nothing to send, or more to be gathered first.
    package mutating func nextBatch(for node: Int, now: Moment) -> NodeBatch? {
        let limit = reserveLimit(on: node, now: now)
        guard limit > 0 || !nodes[node].calls.isEmpty else { return nil }
        if shouldRest(node, limit: limit, now: now) {
            if nodes[node].rest == .none { nodes[node].rest = .until(now.uptime + GatheringPace.rest) }
            return nil
        }
        let calls = nodes[node].calls
        nodes[node].calls = []
        nodes[node].hasUrgentCalls = false
        nodes[node].rest = .none
        var batch = NodeBatch(
            calls: calls, reserves: 0, block: nil, generation: calls.isEmpty ? nil : nodes[node].generation)
        if limit > 0 {
            if !nodes[node].isDry || pace.isBrisk(now) {
                batch.reserves = min(nodes[node].burst, limit)
            } else if calls.isEmpty {
                // A reserve that waits travels alone, so that the engine may cut it short and lose nothing.
                batch.reserves = 1
                // beanstalkd runs a connection's commands in order: a waiting reserve delays what is held there.
                batch.block = jobs.heldCopies[node] == 0 ? settings.idleBlock : 1
            }
            if jobs.heldCopies[node] > 0 { batch.generation = nodes[node].generation }
            // The duplicates are counted again among the answers to this batch.
            nodes[node].duplicates = 0
        }
        return batch
    }

    /// Whether ``nextBatch(for:now:)`` would have something to send.
    package func hasWork(for node: Int, now: Moment) -> Bool {
        let limit = reserveLimit(on: node, now: now)
        guard limit > 0 || !nodes[node].calls.isEmpty else { return false }
        return nodes[node].rest == .none || !shouldRest(node, limit: limit, now: now)
    }

    /// Whether a little later more can be sent in one go: deletes, for which nobody waits, and the question for more
    /// jobs, once the node has said that it had no other.
    ///
    /// While jobs are about to end a reserve that waits would hold up their deletes. Copies become ready ahead of
    /// their dates, so asking a moment later makes none late.
    private func shouldRest(_ node: Int, limit: Int, now: Moment) -> Bool {
        switch nodes[node].rest {
        case .over: return false
        case .until(let end) where end <= now.uptime: return false
        case .none, .until: break
        }
        if limit > 0, !nodes[node].isDry, !isScarce(limit) || !pace.isBrisk(now) { return false }
        if isDraining || nodes[node].hasUrgentCalls || nodes[node].calls.count >= Node.fullBatch { return false }
        return pace.isBrisk(now) || claimsUnderway + settlementsUnderway > 0
    }

    /// Whether the jobs wanted now are so few, measured by the whole demand, that a node asked a little later can be
    /// asked for more.
    private func isScarce(_ limit: Int) -> Bool {
        limit < Node.scarceReserves && limit * 4 < demand
    }

    mutating func endRests(now: Moment) {
        for node in nodes.indices {
            if case .until(let end) = nodes[node].rest, end <= now.uptime { nodes[node].rest = .over }
        }
    }

    var nextEndOfRest: Uptime? {
        var next: Uptime?
        for node in nodes {
            if case .until(let end) = node.rest { next = min(next ?? end, end) }
        }
        return next
    }

    /// How many copies may be reserved at once.
    private func reserveLimit(on node: Int, now: Moment) -> Int {
        guard !isDraining, unmetDemand > 0 || nodes[node].duplicates > 0,
            jobs.heldCopies[node] - jobsInHand < settings.heldLimit
        else { return 0 }
        // A node behind the others brings copies of jobs that run or are done. They take no room; and the node must
        // catch up, or its copies come after their jobs are no longer known here, and the ledger is asked about each.
        guard ledgerFailures > 0 else {
            return max(0, unmetDemand - queuedJobs, pace.isBrisk(now) ? nodes[node].duplicates * 2 : 0)
        }
        // While the ledger is away, claims of held jobs find out when it is back. Where no job is held, one copy is
        // reserved now and then to ask about.
        guard unmetDemand > 0, jobs.isEmpty, ledgerRetryAt.map({ $0 <= now.uptime }) ?? true else { return 0 }
        return 1
    }

    // MARK: From a node

    /// The node's answers to a batch: replies to its first requests, and whether the rest went unanswered.
    ///
    /// - Parameter sentAt: read before the batch was sent; ages of reservations count from it.
    /// - Parameter isLost: the connection, and every reservation on it, is gone.
    /// - Returns: how long the node is to be left alone, where it is.
    @discardableResult
    package mutating func answered(
        _ batch: NodeBatch, node: Int, replies: [BeanstalkReply], isLost: Bool,
        generation: ConnectionGeneration, sentAt: Moment, now: Moment
    ) -> Duration? {
        if !isLost { nodes[node].generation = generation }
        for (call, reply) in zip(batch.calls, replies) {
            answered(call, node: node, reply: reply, sentAt: sentAt, now: now)
        }
        if replies.count > batch.calls.count {
            reserved(Array(replies[batch.calls.count...]), by: batch, node: node, sentAt: sentAt, now: now)
        }
        if isLost {
            lost(node: node, unanswered: Array(batch.calls.dropFirst(replies.count)), now: now)
        }
        return isRefusedWait(batch, node: node, replies.last, after: now.uptime - sentAt.uptime)
            ? Self.pauseAfterRefusedWait : nil
    }

    private static let pauseAfterRefusedWait = Duration.milliseconds(100)

    /// Whether a node answered at once, and with no job, what it should have waited for: a sick node, which would be
    /// asked again without pause.
    private func isRefusedWait(_ batch: NodeBatch, node: Int, _ reply: BeanstalkReply?, after time: Duration) -> Bool {
        guard batch.block != nil, time < Self.pauseAfterRefusedWait, let reply else { return false }
        switch reply {
        case .reserved: return false
        // Here a copy is in its last second: its touch, if one waits to be sent, goes out at once.
        case .deadlineSoon: return nodes[node].calls.isEmpty
        default: return true
        }
    }

    private mutating func reserved(
        _ replies: [BeanstalkReply], by batch: NodeBatch, node: Int, sentAt: Moment, now: Moment
    ) {
        // The reservation's clock started when the node answered, at most this long after the request.
        let waited = now.uptime.microseconds(since: sentAt.uptime)
        var hits = 0
        nodes[node].duplicates = 0
        for reply in replies {
            switch reply {
            case .reserved(let id, let bytes):
                hits += 1
                take(id, bytes, node: node, waited: waited, sentAt: sentAt, now: now)
            case .deadlineSoon:
                // Something held is in its last second: touch before the next reserve.
                touchAll(on: node)
            default:
                break
            }
        }
        if hits < replies.count {
            nodes[node].isDry = hits == 0 || batch.block == nil
            // About as many as last time, and a few more.
            nodes[node].burst = min(Node.firstBurst + hits + hits / 4, Node.largestBurst)
        } else {
            if batch.block == nil { nodes[node].burst = min(nodes[node].burst * 2, Node.largestBurst) }
            nodes[node].isDry = false
        }
    }

    private mutating func take(
        _ id: BeanstalkJobID, _ bytes: ByteBuffer, node: Int, waited: Int64, sentAt: Moment, now: Moment
    ) {
        // The seal is verified before anything is decided by the record: what a forged copy says must not reach the job
        // it pretends to be.
        let record = JobRecord(parsing: bytes, opening: settings.seals, queue: settings.queue)
        if case .unverified(let problem) = record {
            nodes[node].unverified[id] = problem
            send(.inspectForeign(id), to: node, for: nil)
            return
        }
        guard let summary = record.summary else {
            takeForeign(id, record, node: node, sentAt: sentAt, now: now)
            return
        }
        let (name, fireTime, timeToRun) = (summary.name, summary.fireTime, summary.timeToRun)
        let copy = HeldCopy(
            node: node, id: id, index: summary.index, timeToRun: timeToRun, priority: summary.priority,
            confirmedAt: waited > timeToRun / 4 ? nil : sentAt.uptime)
        if let held = jobs.named(name) {
            nodes[node].duplicates += 1
            attach(copy, to: held, now: now)
            return
        }
        guard !isDraining else {
            send(.release(id, priority: copy.priority, delay: 0), to: node, for: nil)
            return
        }
        let remaining = now.wall.duration(to: fireTime)
        if remaining > settings.holdHorizon, !nodes[node].isDegraded {
            let delay = PutDelay.releaseSeconds(until: fireTime, now: now.wall)
            send(.release(id, priority: copy.priority, delay: delay), to: node, for: nil)
            return
        }
        pace.step(now)
        let shared = JobContents(name: name, queue: settings.queue, record: record, fireTime: fireTime)
        let heldID = jobs.insert(shared, copy, due: fireTime)
        if copy.confirmedAt == nil { touch(copyAt: 0, of: heldID) }
        if remaining > .zero {
            dueHeap.insert(DueJob(due: fireTime, job: heldID))
        } else {
            claimIfDue(heldID, now: now)
        }
        if nextHeartbeat == nil { nextHeartbeat = now.uptime + heartbeatInterval }
    }

    /// Another copy of a job that is here already: it shares that job's fate.
    private mutating func attach(_ copy: HeldCopy, to held: HeldJobID, now: Moment) {
        guard let attachment = jobs.attach(copy, to: held) else {
            guard finishedJobs.addDelete(held) else { return }
            effects.append(.duplicateCopy)
            send(.delete(copy.id, index: copy.index), to: copy.node, for: held)
            return
        }
        switch attachment {
        case .reserved(let index):
            if copy.confirmedAt == nil { touch(copyAt: index, of: held) }
        case .refused:
            effects.append(.duplicateCopy)
            send(.release(copy.id, priority: copy.priority, delay: 1), to: copy.node, for: held)
        case .added(let index):
            effects.append(.duplicateCopy)
            if copy.confirmedAt == nil { touch(copyAt: index, of: held) }
            claimIfDue(held, now: now)
        }
    }

    private mutating func answered(
        _ call: NodeCall, node: Int, reply: BeanstalkReply, sentAt: Moment, now: Moment
    ) {
        if let id = call.job, settleForeignAnswered(id, call.kind, reply) { return }
        switch call.kind {
        case .delete(_, let index):
            guard let id = call.job else { return }
            deleteAnswered(id, index: index, isDeleted: reply == .deleted, now: now)
        case .release:
            switch reply {
            case .released, .notFound:
                break
            case .outOfMemory, .buried:
                // The node cannot write the delay to its log; the copy is stuck there until it restarts. From now on
                // it gets copies back without a delay, which it need not write down.
                nodes[node].isDegraded = true
                effects.append(.warning(.copyStuck, call.job.flatMap { jobs[$0]?.id }, node: node, nil))
            default:
                effects.append(.warning(.releaseMisanswered, call.job.flatMap { jobs[$0]?.id }, node: node, nil))
            }
        case .touch(let copy):
            guard let id = call.job else { return }
            touchAnswered(id, node: node, copy: copy, isTouched: reply == .touched, sentAt: sentAt, now: now)
        case .bury:
            break
        case .inspect(let copy):
            guard let id = call.job else { return }
            var statistics: JobStatistics?
            if case .ok(let text) = reply { statistics = try? JobStatistics(parsing: text) }
            inspected(id, node: node, copy: copy, statistics, now: now)
        case .inspectForeign(let copy):
            guard case .ok(let text) = reply, let statistics = try? JobStatistics(parsing: text) else {
                nodes[node].unverified[copy] = nil
                return
            }
            send(.buryForeign(copy, priority: statistics.priority), to: node, for: nil)
        case .buryForeign(let copy, _):
            let problem = nodes[node].unverified.removeValue(forKey: copy)
            guard reply == .buried(nil) else { return }
            effects.append(problem.map { .unverifiedJob(node: node, copy, $0) } ?? .foreignJob(node: node, copy, .bury))
        }
    }

    /// The connection is gone, and the node has put every copy reserved on it back in its queue.
    ///
    /// - Parameter unanswered: commands that were sent, or not, before it went.
    package mutating func lost(node: Int, unanswered: [NodeCall] = [], now: Moment) {
        let calls = unanswered + nodes[node].calls
        nodes[node].calls = []
        nodes[node].generation = nil
        nodes[node].hasUrgentCalls = false
        nodes[node].rest = .none
        nodes[node].duplicates = 0
        nodes[node].isDry = true
        nodes[node].burst = Node.firstBurst
        nodes[node].isDegraded = false
        nodes[node].unverified = [:]
        for (id, job) in jobs where job.copies.contains(where: { $0.node == node }) {
            removeCopies(of: id, now: now) { $0.node == node }
        }
        for call in calls {
            guard let id = call.job else { continue }
            switch call.kind {
            case .delete: deleteAnswered(id, index: nil, isDeleted: false, now: now)
            case .inspect(let copy): inspected(id, node: node, copy: copy, nil, now: now)
            case .release, .touch, .bury, .inspectForeign, .buryForeign: break
            }
        }
    }

    // MARK: Touching

    mutating func touch(copyAt index: Int, of id: HeldJobID) {
        guard let job = jobs[id], !job.copies[index].isTouching else { return }
        job.changeCopy(at: index) { $0.isTouching = true }
        send(.touch(job.copies[index].id), to: job.copies[index].node, for: id)
    }

    private mutating func touchAll(on node: Int) {
        for (id, job) in jobs {
            for index in job.copies.indices where job.copies[index].node == node { touch(copyAt: index, of: id) }
        }
    }

    private mutating func touchAnswered(
        _ id: HeldJobID, node: Int, copy: BeanstalkJobID, isTouched: Bool, sentAt: Moment, now: Moment
    ) {
        guard let job = jobs[id], let index = job.index(of: copy, on: node) else { return }
        guard isTouched else {
            removeCopies(of: id, now: now) { $0.node == node && $0.id == copy }
            return
        }
        job.changeCopy(at: index) {
            $0.isTouching = false
            $0.confirmedAt = sentAt.uptime
        }
        switch job.phase {
        case .holding: claimIfDue(id, now: now)
        case .verifying(let claim): deliver(id, claim, now: now)
        default: break
        }
    }

    /// Copies are no longer ours; what becomes of the job depends on what it waits for.
    mutating func removeCopies(of id: HeldJobID, now: Moment, where isGone: (HeldCopy) -> Bool) {
        guard let job = jobs[id] else { return }
        jobs.takeCopies(of: id, where: isGone)
        if job.isForeign {
            loseForeign(id)
            return
        }
        guard job.copies.isEmpty else {
            switch job.phase {
            case .inspecting(let copy, let node) where job.index(of: copy, on: node) == nil:
                jobs.enter(.holding, id)
                claimIfDue(id, now: now)
            default: break
            }
            return
        }
        switch job.phase {
        case .holding, .parked, .inspecting:
            jobs.remove(id)
        case .verifying(let claim):
            // The right to run it is no use without a copy that would come back after a crash: it is given back unrun.
            giveBack(id, claim, now: now)
        case .claiming, .claimed, .settling:
            break
        }
    }
}
