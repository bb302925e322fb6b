import Beanstalk

// Standbys are copies that nobody needs to fetch: once their job is done they are deleted by name where they lie, over the
// side link to the server process that the name tells. If that cannot be, they become ready a little after the date, and
// whoever reserves one asks the ledger, as about any copy.
extension ConsumerCore {
    func isMain(_ link: Int) -> Bool { link < settings.nodes.count }

    func node(of link: Int) -> Int { isMain(link) ? link : link - settings.nodes.count }

    /// Side links are made before they are needed: until one is, no server process is known to be its other end.
    ///
    /// - Parameter limit: how many copies may be reserved on it.
    func mayConnect(_ link: Int, limit: Int) -> Bool {
        // While the ledger's first word is awaited, the node is connected to.
        isMain(link) ? limit > 0 || isAwaitingWord && demand > 0 : !isDraining && (unmetDemand > 0 || !jobs.isEmpty)
    }

    /// The side link that is connected to a server process.
    func sideLink(to server: ServerID) -> Int? {
        for link in settings.nodes.count..<links.count where links[link].generation?.serverID == server { return link }
        return nil
    }

    /// One of a job's records tells where its other copies are.
    mutating func note(_ role: CopyRole, of id: HeldJobID) {
        switch role {
        case .lead(_, let names): jobs[id]?.standbys = names
        case .standby(let server): jobs[id]?.leadServer = server
        case .alone: break
        }
    }

    /// The last copy of a job that waits here was lost with its connection: one of its standbys is reserved instead. Lets
    /// go of a job of which none is known, or none can be had.
    mutating func fetchStandby(of id: HeldJobID) {
        guard let job = jobs[id] else { return }
        jobs.enter(.holding, id)
        while mayBegin, job.standbysTried < job.standbys.count {
            // Not the same node first for all jobs.
            let name = job.standbys[(job.standbysTried + Int(id.number % 64)) % job.standbys.count]
            job.standbysTried += 1
            guard let link = sideLink(to: name.server) else { continue }
            send(.fetch(name.id), to: link, for: id)
            return
        }
        jobs.remove(id)
    }

    /// If no copy came of it, another standby is tried.
    mutating func fetchAnswered(_ id: HeldJobID) {
        guard let job = jobs[id], case .holding = job.phase, job.copies.isEmpty else { return }
        fetchStandby(of: id)
    }
}

extension HeldJob {
    /// Whether a standby was reserved, and so is used on the connection that did.
    func holds(_ name: CopyName) -> Bool {
        copies.contains { $0.index == name.index }
    }
}

extension NodeBatch {
    /// Makes a connection, whose server process then is known.
    static let probing = NodeBatch(
        calls: [NodeCall(kind: .probe, job: nil)], reserves: 0, block: nil, allowance: 0, generation: nil)
}
