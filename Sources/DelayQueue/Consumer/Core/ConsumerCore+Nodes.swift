package import Beanstalk
import HeapModule
import NIOCore
package import PipelinedTransport

extension ConsumerCore {
    // MARK: To a node

    /// What to send to a node now; nil when there is nothing to send, or more to be gathered first.
    package mutating func nextBatch(for link: Int, now: Moment) -> NodeBatch? {
        let limit = reserveLimit(on: link, now: now)
        // A reserve may wait for long, and only an answer shows who is at the other end.
        if links[link].generation == nil { return mayConnect(link, limit: limit) ? .probing : nil }
        if !isMain(link), shouldPeek(over: link) { peek(over: link) }
        guard limit > 0 || !links[link].calls.isEmpty else { return nil }
        if shouldRest(link, limit: limit, now: now) {
            if links[link].rest == .none {
                links[link].rest = .until(endOfRest(of: link, now: now))
            }
            return nil
        }
        let calls = takeCalls(for: link)
        if links[link].calls.isEmpty { links[link].hasUrgentCalls = false }
        links[link].rest = .none
        if !isMain(link), calls.contains(where: { if case .delete = $0.kind { true } else { false } }) {
            links[link].namedDeletesLeftAt = now.uptime
        }
        var batch = NodeBatch(
            calls: calls, reserves: 0, block: nil, allowance: allowance(of: link),
            generation: calls.isEmpty ? nil : links[link].generation)
        if limit > 0 {
            if !links[link].isDry || pace.isBrisk(now) {
                batch.reserves = min(links[link].burst, limit)
            } else if calls.isEmpty {
                // A reserve that waits travels alone, so that the engine may cut it short and lose nothing.
                batch.reserves = 1
                // beanstalkd runs a connection's commands in order: a waiting reserve delays what is held there.
                batch.block = jobs.heldCopies[link] == 0 ? settings.idleBlock : 1
            }
            if jobs.heldCopies[link] > 0 { batch.generation = links[link].generation }
            // The duplicates are counted again among the answers to this batch.
            links[link].duplicates = 0
        }
        return batch
    }

    /// Whether ``nextBatch(for:now:)`` would have something to send.
    package func hasWork(for link: Int, now: Moment) -> Bool {
        let limit = reserveLimit(on: link, now: now)
        if links[link].generation == nil { return mayConnect(link, limit: limit) }
        if !isMain(link), shouldPeek(over: link) { return true }
        guard limit > 0 || !links[link].calls.isEmpty else { return false }
        return links[link].rest == .none || !shouldRest(link, limit: limit, now: now)
    }

    private func endOfRest(of link: Int, now: Moment) -> Uptime {
        if isMain(link) { return now.uptime + GatheringPace.rest }
        if pace.isBrisk(now) { return now.uptime + Link.briskRestOfNamedDeletes }
        let interval = Link.intervalOfNamedDeletes.wholeMicroseconds
        return Uptime(microseconds: (now.uptime.microseconds / interval + 1) * interval)
    }

    /// Whether a little later more can be sent in one go: deletes, for which nobody waits, and the question for more
    /// jobs, once the node has said that it had no other.
    ///
    /// While jobs are about to end a reserve that waits would hold up their deletes. Copies become ready ahead of
    /// their dates, so asking a moment later makes none late.
    private func shouldRest(_ link: Int, limit: Int, now: Moment) -> Bool {
        switch links[link].rest {
        case .over: return false
        case .until(let end) where end <= now.uptime: return false
        case .none, .until: break
        }
        if limit > 0, !links[link].isDry, !isScarce(limit) || !pace.isBrisk(now) { return false }
        if isDraining || links[link].hasUrgentCalls || links[link].calls.count >= Link.fullBatch { return false }
        if !isMain(link) { return pace.isBrisk(now) || hasDeletedByName(over: link, now: now) }
        return pace.isBrisk(now) || claimsUnderway + settlementsUnderway > 0
    }

    /// Whether deletes by name were sent so short a time ago that more of them can be expected to gather.
    private func hasDeletedByName(over link: Int, now: Moment) -> Bool {
        guard let last = links[link].namedDeletesLeftAt else { return false }
        return now.uptime - last < Link.intervalOfNamedDeletes
    }

    /// Whether the jobs wanted now are so few, measured by the whole demand, that a node asked a little later can be
    /// asked for more.
    private func isScarce(_ limit: Int) -> Bool {
        limit < Link.scarceReserves && limit * 4 < demand
    }

    mutating func endRests(now: Moment) {
        for link in links.indices {
            if case .until(let end) = links[link].rest, end <= now.uptime { links[link].rest = .over }
        }
    }

    var nextEndOfRest: Uptime? {
        var next: Uptime?
        for link in links {
            if case .until(let end) = link.rest { next = min(next ?? end, end) }
        }
        return next
    }

    /// How many copies may be reserved at once.
    private func reserveLimit(on link: Int, now: Moment) -> Int {
        guard isMain(link), isTaking, unmetDemand > 0 || links[link].duplicates > 0,
            jobs.heldCopies[link] - jobsInHand < settings.heldLimit
        else { return 0 }
        return min(wantedCopies(on: link, now: now), likelyRecords(on: link))
    }

    private func wantedCopies(on link: Int, now: Moment) -> Int {
        // A node behind the others brings copies of jobs that run or are done. They take no room; and the node must
        // catch up, or its copies come after their jobs are no longer known here, and the ledger is asked about each.
        guard ledgerFailures > 0 else {
            return max(
                0, share(of: link, in: unmetDemand - queuedJobs), pace.isBrisk(now) ? links[link].duplicates * 2 : 0)
        }
        // While the ledger is away nothing is reserved. Once it says that it is back, a claim finds out whether it
        // serves: of a job that is held, or of one copy that is reserved for it.
        return isLedgerAnswering && unmetDemand > 0 && jobs.allSatisfy(\.job.isForeign) ? 1 : 0
    }

    /// How many of the jobs that are wanted one node is asked for. Nodes that bring leads bring different jobs, so each
    /// of those that have more is asked for its part.
    private func share(of link: Int, in wanted: Int) -> Int {
        guard wanted > 1, !links[link].isDry, links[link].bringsLeads else { return wanted }
        let sharing = settings.nodes.indices.count { !links[$0].isDry && links[$0].bringsLeads }
        return (wanted + sharing - 1) / sharing
    }

    // MARK: From a node

    /// The node's answers to a batch: replies to its first requests, and whether the rest went unanswered.
    ///
    /// - Parameter sentAt: read before the batch was sent; ages of reservations count from it.
    /// - Parameter isLost: the connection, and every reservation on it, is gone.
    /// - Returns: how long the node is to be left alone, where it is.
    @discardableResult
    package mutating func answered(
        _ batch: NodeBatch, link: Int, replies: [BeanstalkReply], isLost: Bool,
        generation: ConnectionGeneration, sentAt: Moment, now: Moment
    ) -> Duration? {
        if !isLost { links[link].generation = generation }
        noteAnswer(on: link, isLost: isLost, now: now)
        for (call, reply) in zip(batch.calls, replies) {
            answered(call, link: link, reply: reply, sentAt: sentAt, now: now)
        }
        if replies.count > batch.calls.count {
            reserved(Array(replies[batch.calls.count...]), by: batch, link: link, sentAt: sentAt, now: now)
        }
        if isLost {
            lost(link: link, unanswered: Array(batch.calls.dropFirst(replies.count)), now: now)
        }
        return isRefusedWait(batch, link: link, replies.last, after: now.uptime - sentAt.uptime)
            ? Self.pauseAfterRefusedWait : nil
    }

    private static let pauseAfterRefusedWait = Duration.milliseconds(100)

    /// Whether a node answered at once, and with no job, what it should have waited for: a sick node, which would be
    /// asked again without pause.
    private func isRefusedWait(_ batch: NodeBatch, link: Int, _ reply: BeanstalkReply?, after time: Duration) -> Bool {
        guard batch.block != nil, time < Self.pauseAfterRefusedWait, let reply else { return false }
        switch reply {
        case .reserved, .reservedUnread: return false
        // Here a copy is in its last second: its touch, if one waits to be sent, goes out at once.
        case .deadlineSoon: return links[link].calls.isEmpty
        default: return true
        }
    }

    private mutating func reserved(
        _ replies: [BeanstalkReply], by batch: NodeBatch, link: Int, sentAt: Moment, now: Moment
    ) {
        // The reservation's clock started when the node answered, at most this long after the request.
        let waited = now.uptime.microseconds(since: sentAt.uptime)
        var hits = 0
        var largest = 0
        links[link].duplicates = 0
        for reply in replies {
            switch reply {
            case .reserved(let id, let bytes):
                hits += 1
                largest = max(largest, bytes.readableBytes)
                take(id, bytes, link: link, waited: waited, sentAt: sentAt, now: now)
            case .reservedUnread(let id, let size):
                hits += 1
                largest = max(largest, min(size, settings.maximumRecordSize))
                takeUnread(id, size: size, link: link)
            case .deadlineSoon:
                // Something held is in its last second: touch before the next reserve.
                touchAging(on: link, now: now)
            default:
                break
            }
        }
        if hits > 0 { links[link].recordSize = largest }
        if hits < replies.count {
            links[link].isDry = hits == 0 || batch.block == nil
            links[link].isBehind = false
            // About as many as last time, and a few more.
            links[link].burst = min(Link.firstBurst + hits + hits / 4, Link.largestBurst)
        } else {
            if batch.block == nil { links[link].burst = min(links[link].burst * 2, Link.largestBurst) }
            links[link].isDry = false
        }
    }

    private mutating func take(
        _ id: BeanstalkJobID, _ bytes: ByteBuffer, link: Int, waited: Int64, sentAt: Moment, now: Moment
    ) {
        // The seal is verified before anything is decided by the record: what a forged copy says must not reach the job
        // it pretends to be.
        let record = JobRecord(parsing: bytes, opening: settings.seals, queue: settings.queue)
        if case .unverified(let problem) = record {
            links[link].aside[id] = .unverified(problem)
            send(.inspectAside(id), to: link, for: nil)
            return
        }
        guard let summary = record.summary else {
            takeForeign(id, record, size: bytes.readableBytes, link: link, sentAt: sentAt, now: now)
            return
        }
        let (name, fireTime, timeToRun) = (summary.name, summary.fireTime, summary.timeToRun)
        if isMain(link), !summary.role.isStandby { links[link].bringsLeads = summary.role.isLead }
        if isMain(link), case .lead(let server?, _) = summary.role { sawLead(on: server) }
        let copy = HeldCopy(
            link: link, id: id, index: summary.index, isStandby: summary.role.isStandby, timeToRun: timeToRun,
            priority: summary.priority, confirmedAt: waited > timeToRun / 4 ? nil : sentAt.uptime)
        if let held = jobs.named(name) {
            if isMain(link) { links[link].duplicates += 1 }
            note(summary.role, of: held)
            attach(copy, to: held, now: now)
            return
        }
        guard isTaking else {
            send(.release(id, priority: copy.priority, delay: 0), to: link, for: nil)
            return
        }
        if isCutOff(now), !isLedgerAnswering {
            send(
                .release(id, priority: copy.priority, delay: earlyDelay(until: fireTime, now: now)), to: link, for: nil)
            return
        }
        let time = clock.time(now)
        var due = fireTime
        if time.duration(to: due) > holdLimit {
            if isLedgerOutvoted(of: fireTime, now: now) {
                due = due + now.wall.duration(to: time)
            } else if !links[link].isDegraded {
                let untilDue = earlyDelay(until: fireTime, now: now)
                let delay = copy.isStandby ? StandbyDelay.after(untilDue) : untilDue
                send(.release(id, priority: copy.priority, delay: delay), to: link, for: nil)
                return
            }
        }
        pace.step(now)
        let shared = JobContents(name: name, queue: settings.queue, record: record, fireTime: fireTime)
        let heldID = jobs.insert(shared, copy, size: bytes.readableBytes, due: due)
        noteRoom(on: link)
        if due != fireTime { jobs[heldID]?.isDueByOwnClock = true }
        note(summary.role, of: heldID)
        if copy.confirmedAt == nil { touch(copyAt: 0, of: heldID) }
        if due > time {
            dueHeap.insert(DueJob(due: due, job: heldID))
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
            send(.delete(copy.id, index: copy.index), to: copy.link, for: held)
            return
        }
        switch attachment {
        case .reserved(let index):
            if copy.confirmedAt == nil { touch(copyAt: index, of: held) }
        case .refused:
            effects.append(.duplicateCopy)
            send(.release(copy.id, priority: copy.priority, delay: 1), to: copy.link, for: held)
        case .added(let index):
            effects.append(.duplicateCopy)
            leadJoined(held, copy, now: now)
            if copy.confirmedAt == nil { touch(copyAt: index, of: held) }
            claimIfDue(held, now: now)
        }
    }

    /// A job that waits with standbys only does so for longer than its lead would, where that may come; here it is.
    private mutating func leadJoined(_ id: HeldJobID, _ copy: HeldCopy, now: Moment) {
        guard let job = jobs[id], case .holding = job.phase, !copy.isStandby, !job.isDueByOwnClock,
            job.copies.count(where: { !$0.isStandby }) == 1,
            job.due > clock.time(now)
        else { return }
        job.due = max(job.fireTime, job.due + (.zero - .seconds(StandbyDelay.seconds)))
        dueHeap.insert(DueJob(due: job.due, job: id))
    }

    private mutating func answered(
        _ call: NodeCall, link: Int, reply: BeanstalkReply, sentAt: Moment, now: Moment
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
                links[link].isDegraded = true
                effects.append(.warning(.copyStuck, call.job.flatMap { jobs[$0]?.id }, node: node(of: link), nil))
            default:
                effects.append(
                    .warning(.releaseMisanswered, call.job.flatMap { jobs[$0]?.id }, node: node(of: link), nil))
            }
        case .fetch:
            switch reply {
            case .reserved(let id, let bytes):
                let waited = now.uptime.microseconds(since: sentAt.uptime)
                links[link].recordSize = bytes.readableBytes
                take(id, bytes, link: link, waited: waited, sentAt: sentAt, now: now)
            case .reservedUnread(let id, let size):
                links[link].recordSize = min(size, settings.maximumRecordSize)
                takeUnread(id, size: size, link: link)
            default: break
            }
            if let id = call.job { fetchAnswered(id) }
        case .probe:
            break
        case .peekNext:
            peeked(reply, link: link, now: now)
        case .lookAhead:
            lookedAhead(reply, link: link)
        case .touch(let copy):
            guard let id = call.job else { return }
            touchAnswered(id, link: link, copy: copy, isTouched: reply == .touched, sentAt: sentAt, now: now)
        case .bury:
            break
        case .inspect(let copy):
            guard let id = call.job else { return }
            var statistics: JobStatistics?
            if case .ok(let text) = reply { statistics = try? JobStatistics(parsing: text) }
            inspected(id, link: link, copy: copy, statistics, now: now)
        case .inspectAside(let copy):
            guard case .ok(let text) = reply, let statistics = try? JobStatistics(parsing: text) else {
                links[link].aside[copy] = nil
                return
            }
            if links[link].aside[copy] == .noRoom {
                links[link].aside[copy] = nil
                send(.release(copy, priority: statistics.priority, delay: 0), to: link, for: nil)
            } else {
                send(.buryAside(copy, priority: statistics.priority), to: link, for: nil)
            }
        case .buryAside(let copy, _):
            let aside = links[link].aside.removeValue(forKey: copy)
            guard reply == .buried(nil) else { return }
            switch aside {
            case .unverified(let problem): effects.append(.unverifiedJob(node: node(of: link), copy, problem))
            case .oversized(let size): effects.append(.oversizedJob(node: node(of: link), copy, size: size))
            case .foreign: effects.append(.foreignJob(node: node(of: link), copy, .bury))
            case .noRoom, nil: break
            }
        }
    }

    /// The connection is gone, and the node has put every copy reserved on it back in its queue.
    ///
    /// - Parameter unanswered: commands that were sent, or not, before it went.
    package mutating func lost(link: Int, unanswered: [NodeCall] = [], now: Moment) {
        let calls = unanswered + links[link].calls
        links[link].calls = []
        links[link].generation = nil
        links[link].hasUrgentCalls = false
        links[link].rest = .none
        links[link].duplicates = 0
        links[link].isDry = true
        links[link].burst = Link.firstBurst
        links[link].isDegraded = false
        links[link].aside = [:]
        links[link].answerDue = nil
        links[link].nextPeek = .due
        links[link].view = 0
        links[link].seen = nil
        for (id, job) in jobs where job.copies.contains(where: { $0.link == link }) {
            removeCopies(of: id, isNodeLost: true, now: now) { $0.link == link }
        }
        for call in calls {
            guard let id = call.job else { continue }
            switch call.kind {
            case .delete: deleteAnswered(id, index: nil, isDeleted: false, now: now)
            case .inspect(let copy): inspected(id, link: link, copy: copy, nil, now: now)
            case .fetch: fetchAnswered(id)
            case .probe, .peekNext, .lookAhead, .release, .touch, .bury, .inspectAside, .buryAside: break
            }
        }
    }

    // MARK: Touching

    mutating func touch(copyAt index: Int, of id: HeldJobID) {
        guard let job = jobs[id], !job.copies[index].isTouching else { return }
        job.changeCopy(at: index) { $0.isTouching = true }
        send(.touch(job.copies[index].id), to: job.copies[index].link, for: id)
    }

    /// A copy whose time to run is a second is in its last one as soon as it was touched, so that this would not end.
    private mutating func touchAging(on link: Int, now: Moment) {
        for (id, job) in jobs {
            for (index, copy) in job.copies.enumerated() where copy.link == link {
                guard let confirmedAt = copy.confirmedAt,
                    now.uptime.microseconds(since: confirmedAt) >= copy.timeToRun / 2
                else { continue }
                touch(copyAt: index, of: id)
            }
        }
    }

    private mutating func touchAnswered(
        _ id: HeldJobID, link: Int, copy: BeanstalkJobID, isTouched: Bool, sentAt: Moment, now: Moment
    ) {
        guard let job = jobs[id], let index = job.index(of: copy, on: link) else { return }
        guard isTouched else {
            removeCopies(of: id, now: now) { $0.link == link && $0.id == copy }
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
    ///
    /// - Parameter isNodeLost: whether they are out of reach; else they are ready on their node, or gone.
    mutating func removeCopies(
        of id: HeldJobID, isNodeLost: Bool = false, now: Moment, where isGone: (HeldCopy) -> Bool
    ) {
        guard let job = jobs[id] else { return }
        jobs.takeCopies(of: id, where: isGone)
        if job.isForeign {
            loseForeign(id)
            return
        }
        guard job.copies.isEmpty else {
            switch job.phase {
            case .inspecting(let copy, let link) where job.index(of: copy, on: link) == nil:
                jobs.enter(.holding, id)
                claimIfDue(id, now: now)
            default: break
            }
            return
        }
        switch job.phase {
        case .holding where isNodeLost, .parked where isNodeLost:
            // Its date may be close, and a standby of it comes by itself only a while after that.
            fetchStandby(of: id)
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
