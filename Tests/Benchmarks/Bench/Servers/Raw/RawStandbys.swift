import DelayQueue

/// Where the standbys are that a ceiling deletes with each lead.
struct RawStandbys: Sendable {
    /// For each node, from the least number of a copy there: the job, and -1 where there is none.
    private var jobs: [[Int32]] = []
    private var least: [UInt64] = []
    /// Of each job the number that each node gave its copy, and 0 where there is none; all nodes of a job next to each
    /// other.
    private var ids: [UInt64] = []

    /// None: all copies are reserved.
    init() {}

    /// - Parameter receipts: of jobs with a lead.
    init(_ receipts: [Receipt], nodes: [BeanstalkNode]) {
        ids = Array(repeating: 0, count: receipts.count * nodes.count)
        for (job, receipt) in receipts.enumerated() {
            for placement in receipt.placements {
                guard let node = nodes.firstIndex(of: placement.node), let id = placement.id else { continue }
                ids[job * nodes.count + node] = id.rawValue
            }
        }
        for node in nodes.indices {
            let numbers = receipts.indices.map { ids[$0 * nodes.count + node] }
            let first = numbers.lazy.filter { $0 > 0 }.min() ?? 0
            var jobs = [Int32](repeating: -1, count: Int((numbers.max() ?? 0) - first) + 1)
            for (job, id) in numbers.enumerated() where id > 0 { jobs[Int(id - first)] = Int32(job) }
            self.jobs.append(jobs)
            least.append(first)
        }
    }

    /// Tells the copies of a job besides the one that was reserved.
    func forEach(besides lead: UInt64, on node: Int, _ body: (_ node: Int, _ id: UInt64) -> Void) {
        guard !jobs.isEmpty else { return }
        let job = Int(jobs[node][Int(lead - least[node])])
        for other in jobs.indices where other != node {
            let id = ids[job * jobs.count + other]
            if id > 0 { body(other, id) }
        }
    }
}
