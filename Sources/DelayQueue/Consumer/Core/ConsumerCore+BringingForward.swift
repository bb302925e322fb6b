import Beanstalk
import NIOCore
import PipelinedTransport

// Where a node may be out of order, jobs whose leads it has must be on time all the same. So the standbys on the other
// nodes are brought forward: the next one is looked at, and reserved where it is due soon, whoever has its lead. While all
// nodes are well none of this costs a command.
//
// A node is in doubt while there is no main link to it; and while it leaves a probe unanswered that was sent because a
// standby had to stand in for a lead meant for it. A fleet that cannot keep up has such standbys too, but its nodes answer.
//
// A node may be back as another server process, with the leads of the one before or without them. Until one of these is
// seen, standbys of leads meant for the process that is gone are brought forward, and others only to see what is behind
// them.
extension ConsumerCore {
    /// How long a node may take to answer a probe.
    private static let probeLimit = Duration.milliseconds(250)
    /// How often the next standby is looked at, as jobs may come that are due sooner.
    private static let peekInterval = Duration.milliseconds(100)
    /// The same where only leads of a server process are missed that is gone.
    private static let longPeekInterval = Duration.seconds(1)
    private static let shortPeekInterval = Duration.milliseconds(50)
    /// The most processes that are remembered.
    private static let mostGoneServers = 8
    /// The most copies that are looked at behind the next one.
    private static let longestView = 16

    private func side(of node: Int) -> Int { node + settings.nodes.count }

    private func isInDoubt(_ node: Int) -> Bool { links[node].isAway || links[side(of: node)].isSilent }

    /// Whether leads may be out of reach.
    var isAnyNodeInDoubt: Bool { settings.nodes.indices.contains { isInDoubt($0) } }

    private var isLookingForward: Bool { !goneServers.isEmpty || isAnyNodeInDoubt }

    // MARK: Doubt

    /// A link has brought an answer, or was lost.
    mutating func noteAnswer(on link: Int, isLost: Bool) {
        if isMain(link) { links[link].isAway = isLost }
        guard !isLost else { return }
        if isMain(link), let server = links[link].generation?.serverID, server != links[link].lastServer {
            if let last = links[link].lastServer { missLeads(of: last) }
            links[link].lastServer = server
        }
        let side = side(of: node(of: link))
        links[side].isSilent = false
        if link == side { links[side].answerDue = nil }
    }

    private mutating func missLeads(of server: ServerID) {
        if goneServers.contains(server) { return }
        goneServers.append(server)
        if goneServers.count > Self.mostGoneServers { goneServers.removeFirst() }
    }

    /// A lead came: where its process is gone, another one has its log.
    mutating func sawLead(on server: ServerID) {
        if !goneServers.isEmpty { goneServers.removeAll { $0 == server } }
    }

    /// A job runs for the first time, and it was a standby that brought it: where is its lead?
    mutating func lookForLead(of id: HeldJobID, now: Moment) {
        guard let job = jobs[id], let server = job.leadServer, job.copies.allSatisfy(\.isStandby) else { return }
        guard let node = settings.nodes.indices.first(where: { links[$0].generation?.serverID == server }) else {
            // Where a node is away, it may be that process.
            if settings.nodes.indices.allSatisfy({ links[$0].generation?.serverID != nil }) { missLeads(of: server) }
            return
        }
        let side = side(of: node)
        guard links[side].generation != nil, links[side].answerDue == nil else { return }
        links[side].answerDue = now.uptime + Self.probeLimit
        send(.probe, to: side, for: nil)
    }

    /// What is due by now.
    mutating func look(now: Moment) {
        for link in settings.nodes.count..<links.count {
            if case .at(let time) = links[link].nextPeek, time <= now.uptime { links[link].nextPeek = .due }
            guard let due = links[link].answerDue, due <= now.uptime else { continue }
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
        guard !isDraining, ledgerFailures == 0, jobs.heldCopies[link] < settings.heldLimit else { return 0 }
        return max(0, unmetDemand - queuedJobs)
    }

    mutating func peek(over link: Int) {
        links[link].nextPeek = .underWay
        send(.peekNext, to: link, for: nil)
    }

    /// - Parameter reply: what the node says is its next standby.
    mutating func peeked(_ reply: BeanstalkReply, link: Int, now: Moment) {
        links[link].nextPeek = .at(now.uptime + Self.peekInterval)
        guard isLookingForward, wanted(on: link) > 0 else { return }
        guard case .found(let id, let bytes) = reply else {
            if !isAnyNodeInDoubt { links[link].nextPeek = .at(now.uptime + Self.longPeekInterval) }
            return
        }
        if !isAnyNodeInDoubt, let wait = waitForHead(JobRecord(parsing: bytes), now: now) {
            links[link].view = 0
            links[link].nextPeek = .at(now.uptime + wait)
            return
        }
        // Its record tells the job's date, but not whether it was given back for longer: its node knows that.
        send(.lookAhead(id), to: link, for: nil)
        // Only the next one is shown at a time. Where one follows the other, those with the next numbers are looked at
        // too: mostly they were put soon after, for soon after.
        let first = max(links[link].seen ?? id.rawValue, id.rawValue)
        for number in 0..<UInt64(links[link].view) {
            let (next, overflow) = first.addingReportingOverflow(number + 1)
            if overflow { break }
            links[link].seen = next
            send(.lookAhead(BeanstalkJobID(next)), to: link, for: nil)
        }
    }

    /// How long a standby is to be left where it is and seen first, as its lead is not missed; nil where it is.
    private func waitForHead(_ record: JobRecord, now: Moment) -> Duration? {
        guard case .standby(let server?) = record.role, let fireTime = record.fireTime else {
            return Self.longPeekInterval
        }
        let untilNear = now.wall.duration(to: fireTime) - settings.holdHorizon
        if untilNear > .zero { return max(min(untilNear, Self.longPeekInterval), Self.shortPeekInterval) }
        return goneServers.contains(server) ? nil : Self.shortPeekInterval
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
        links[link].view = min(max(links[link].view * 2, 1), Self.longestView)
        // What is behind it is asked for in the same breath.
        links[link].nextPeek = .due
        fetch(statistics.id, over: link)
    }

    /// Copies that are due later are released with a delay. Standbys that are brought forward are due within three
    /// seconds, or their jobs are to be run again within that time.
    var holdLimit: Duration {
        isLookingForward ? settings.holdHorizon + .seconds(StandbyDelay.seconds) : settings.holdHorizon
    }

    private mutating func fetch(_ id: BeanstalkJobID, over link: Int) {
        if links[link].calls.contains(where: { $0.kind == .fetch(id) }) { return }
        send(.fetch(id), to: link, for: nil)
    }
}
