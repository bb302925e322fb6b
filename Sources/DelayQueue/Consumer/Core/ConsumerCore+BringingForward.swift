import Beanstalk
import NIOCore
import PipelinedTransport

// Where a node may be out of order, jobs whose leads it has must be on time all the same. So the standbys on the other
// nodes are brought forward: the next one is looked at, and reserved where it is due soon, whoever has its lead. While all
// nodes are well none of this costs a command.
//
// A node is in doubt while there is no main link to it; while it leaves a probe unanswered that was sent because a standby
// had to stand in for a lead meant for it; and after that until it has no ready copy left. A fleet that cannot keep up has
// such standbys too, but its nodes answer.
//
// A node may be back as another server process, with the leads of the one before or without them. Until one of these is
// seen, standbys are brought forward too, all of them, as one shows only when those before it are taken. With none of a
// lead meant for the process that is gone for a minute that ends: the next one fires by itself, and it begins again.
extension ConsumerCore {
    /// How long a node may take to answer a probe.
    private static let probeLimit = Duration.milliseconds(250)
    /// How often the next standby is looked at, as jobs may come that are due sooner. A process that is gone misses leads
    /// of jobs that were there before it went, and these are found well before they are due.
    private static let peekInterval = (inDoubt: Duration.milliseconds(100), gone: Duration.seconds(1))
    /// How long the leads of a process are missed without a sign of them.
    private static let missing = Duration.seconds(60)
    /// The most processes that are remembered.
    private static let mostGoneServers = 8
    /// The most copies that are looked at behind the next one.
    private static let longestView = 16
    /// How far ahead of the next one they may be.
    private static let farthestView: UInt64 = 256

    private func side(of node: Int) -> Int { node + settings.nodes.count }

    private func isInDoubt(_ node: Int) -> Bool {
        links[node].isAway || links[side(of: node)].isSilent || links[node].isBehind
    }

    /// Whether leads may be out of reach.
    var isAnyNodeInDoubt: Bool { settings.nodes.indices.contains { isInDoubt($0) } }

    private var isLookingForward: Bool { !goneServers.isEmpty || isAnyNodeInDoubt }

    // MARK: Doubt

    /// A link has brought an answer, or was lost.
    mutating func noteAnswer(on link: Int, isLost: Bool, now: Moment) {
        if isLost {
            if isMain(link) { links[link].isAway = true }
            return
        }
        let node = node(of: link)
        if links[side(of: node)].isSilent || (link == node && links[node].isAway) {
            links[node].isBehind = true
            // What is ready there shows at once.
            links[node].isDry = false
        }
        if isMain(link) { links[link].isAway = false }
        if isMain(link), let server = links[link].generation?.serverID, server != links[link].lastServer {
            if let last = links[link].lastServer { missLeads(of: last, now: now) }
            links[link].lastServer = server
        }
        let side = side(of: node)
        links[side].isSilent = false
        if link == side { links[side].answerDue = nil }
    }

    private mutating func missLeads(of server: ServerID, now: Moment) {
        goneServers.removeAll { $0.id == server }
        goneServers.append(GoneServer(id: server, until: now.uptime + Self.missing))
        if goneServers.count > Self.mostGoneServers { goneServers.removeFirst() }
    }

    /// A lead came: where its process is gone, another one has its log.
    mutating func sawLead(on server: ServerID) {
        if !goneServers.isEmpty { goneServers.removeAll { $0.id == server } }
    }

    /// A job runs for the first time, and it was a standby that brought it: where is its lead?
    mutating func lookForLead(of id: HeldJobID, now: Moment) {
        guard let job = jobs[id], let server = job.leadServer, job.copies.allSatisfy(\.isStandby) else { return }
        guard let node = settings.nodes.indices.first(where: { links[$0].generation?.serverID == server }) else {
            // Where a node is away, it may be that process.
            if settings.nodes.indices.allSatisfy({ links[$0].generation?.serverID != nil }) {
                missLeads(of: server, now: now)
            }
            return
        }
        let side = side(of: node)
        guard links[side].generation != nil, links[side].answerDue == nil, !links[side].isSilent else { return }
        links[side].answerDue = now.uptime + Self.probeLimit
        send(.probe, to: side, for: nil)
    }

    /// What is due by now.
    mutating func look(now: Moment) {
        if !goneServers.isEmpty { goneServers.removeAll { $0.until <= now.uptime } }
        for link in settings.nodes.count..<links.count {
            if case .at(let time) = links[link].nextPeek, time <= now.uptime { links[link].nextPeek = .due }
            guard let due = links[link].answerDue, due <= now.uptime else { continue }
            if now.uptime - due > Self.probeLimit {
                // It is this process that stood still, and the answer may wait to be read.
                links[link].answerDue = now.uptime + Self.probeLimit
                continue
            }
            links[link].answerDue = nil
            links[link].isSilent = true
            effects.append(.warning(.nodeSilent, nil, node: node(of: link), nil))
        }
    }

    // MARK: The next standbys

    /// Whether the next standby behind a side link is to be looked at now.
    func shouldPeek(over link: Int) -> Bool {
        guard links[link].nextPeek == .due, links[link].generation != nil else { return false }
        return !isInDoubt(node(of: link)) && isLookingForward && wanted(on: link) > 0
    }

    /// When something is to be done for nodes in doubt.
    func nextLook() -> Uptime? {
        var next: Uptime?
        let isLookingForward = isLookingForward
        for link in settings.nodes.count..<links.count {
            if let due = links[link].answerDue { next = min(next ?? due, due) }
            if isLookingForward, case .at(let time) = links[link].nextPeek { next = min(next ?? time, time) }
        }
        return next
    }

    /// How many more jobs may be brought forward.
    private func wanted(on link: Int) -> Int {
        guard isTaking, ledgerFailures == 0, jobs.heldCopies[link] < settings.heldLimit, room(on: link) > 0 else {
            return 0
        }
        return max(0, unmetDemand - queuedJobs)
    }

    mutating func peek(over link: Int) {
        links[link].nextPeek = .underWay
        send(.peekNext, to: link, for: nil)
    }

    /// - Parameter reply: what the node says is its next standby.
    mutating func peeked(_ reply: BeanstalkReply, link: Int, now: Moment) {
        let interval = isAnyNodeInDoubt ? Self.peekInterval.inDoubt : Self.peekInterval.gone
        links[link].nextPeek = .at(now.uptime + interval)
        guard isLookingForward, wanted(on: link) > 0 else { return }
        guard case .found(let id, let bytes) = reply else { return }
        let record = JobRecord(parsing: bytes)
        noteMissed(record, now: now)
        if isDueSoon(record, now: now) {
            bringForward(id, over: link)
        } else {
            // It may have been given back for longer than its date says: its node knows that.
            send(.lookAhead(id), to: link, for: nil)
        }
        // Only the next one is shown at a time. Where one follows the other, those with the next numbers are looked at
        // too: mostly they were put soon after, for soon after.
        // Those that were looked at before are left out, unless they are so far ahead that none may have been there yet.
        let seen = links[link].seen ?? id.rawValue
        let first = seen > id.rawValue && seen - id.rawValue < Self.farthestView ? seen : id.rawValue
        for number in 0..<UInt64(links[link].view) {
            let (next, overflow) = first.addingReportingOverflow(number + 1)
            if overflow { break }
            links[link].seen = next
            send(.lookAhead(BeanstalkJobID(next)), to: link, for: nil)
        }
    }

    /// A standby of a lead that a process had which is gone: there may be more of them.
    private mutating func noteMissed(_ record: JobRecord, now: Moment) {
        guard case .standby(let server?) = record.role, goneServers.contains(where: { $0.id == server }) else { return }
        missLeads(of: server, now: now)
    }

    /// Whether a standby that was never given back is to be taken now.
    private func isDueSoon(_ record: JobRecord, now: Moment) -> Bool {
        guard record.role.isStandby, let fireTime = record.fireTime else { return false }
        let wait = clock.time(now).duration(to: fireTime)
        return wait <= settings.holdHorizon && wait > .zero - .seconds(StandbyDelay.seconds)
    }

    /// - Parameter reply: where a copy is that may be a standby of this queue, or anything else.
    mutating func lookedAhead(_ reply: BeanstalkReply, link: Int) {
        guard case .ok(let text) = reply, let statistics = try? JobStatistics(parsing: text),
            statistics.tube == settings.nodes[node(of: link)].standbyTube, statistics.state == .delayed
        else { return }
        guard statistics.timeLeft <= StandbyDelay.seconds else {
            links[link].view = 0
            return
        }
        guard isLookingForward, wanted(on: link) > 0 else { return }
        bringForward(statistics.id, over: link)
    }

    private mutating func bringForward(_ id: BeanstalkJobID, over link: Int) {
        links[link].view = min(max(links[link].view * 2, 1), Self.longestView)
        // What is behind it is asked for in the same breath.
        links[link].nextPeek = .due
        if links[link].calls.contains(where: { $0.kind == .fetch(id) }) { return }
        send(.fetch(id), to: link, for: nil)
    }

    /// Copies that are due later are released with a delay. Standbys that are brought forward are due within three
    /// seconds, or their jobs are to be run again within that time.
    var holdLimit: Duration {
        isLookingForward ? settings.holdHorizon + .seconds(StandbyDelay.seconds) : settings.holdHorizon
    }
}
