/// How far the puts of a ceiling are, and how many more a node may be sent.
final class PutProgress {
    private let nodes: Int
    private let hasStandbys: Bool
    /// The most jobs that are not stored everywhere; nil for as many as the nodes take, and no order among them.
    private let underWay: Int?
    /// For each node what it stored in its tube, and in the standby tube.
    private var counts: [(main: Int, standby: Int)]
    private(set) var ids: [[UInt64]]
    private(set) var stored = 0
    /// Jobs that may be sent besides those under way: where it counts up, one after the other.
    var begun = 0

    init(nodes: Int, hasStandbys: Bool, underWay: Int?) {
        self.nodes = nodes
        self.hasStandbys = hasStandbys
        self.underWay = underWay
        counts = Array(repeating: (0, 0), count: nodes)
        ids = Array(repeating: [], count: nodes)
    }

    convenience init(_ puts: RawPuts, underWay: Int?) {
        self.init(nodes: puts.main.count, hasStandbys: puts.hasStandbys, underWay: underWay)
    }

    func store(_ id: UInt64, node: Int, isStandby: Bool) {
        ids[node].append(id)
        stored += 1
        if isStandby { counts[node].standby += 1 } else { counts[node].main += 1 }
    }

    /// How many more puts a node may be sent now; nil for any number.
    func room(sent: Int, node: Int, isStandby: Bool) -> Int? {
        guard let underWay else { return nil }
        if !hasStandbys {
            return Self.few(
                underWay > 0 ? (counts.map(\.main).min() ?? 0) + underWay - sent : begun - sent, of: underWay)
        }
        if !isStandby {
            // Leads whose standbys are stored.
            return jobs(before: firstJob(isStandby: true), isStandby: false, node: node) - sent
        }
        let limit = underWay > 0 ? firstJob(isStandby: false) + underWay : begun
        return Self.few(jobs(before: limit, isStandby: true, node: node) - sent, of: underWay)
    }

    /// A quarter or nothing, as with the depth of a pipe: the slowest node would have the others write one by one.
    private static func few(_ room: Int, of underWay: Int) -> Int {
        room >= max(underWay / 4, 1) ? room : 0
    }

    /// The first job that not all nodes have stored what they are to store of it.
    private func firstJob(isStandby: Bool) -> Int {
        counts.indices.map { node in
            RawPuts.job(
                after: isStandby ? counts[node].standby : counts[node].main, isStandby: isStandby, node: node,
                nodes: nodes)
        }.min() ?? 0
    }

    /// How many of the jobs before this one have such a copy on a node.
    private func jobs(before job: Int, isStandby: Bool, node: Int) -> Int {
        let leads = job / nodes + (job % nodes > node ? 1 : 0)
        return isStandby ? job - leads : leads
    }
}
