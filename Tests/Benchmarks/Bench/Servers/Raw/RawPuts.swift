/// Puts made before a measurement: for each node those into its two tubes.
struct RawPuts: Sendable {
    /// Into the tube: leads, or all copies where these are ready together.
    var main: [RawRequests]
    /// Into the standby tube; none where all copies are ready together.
    var standby: [RawRequests]
    let jobs: Int

    init(nodes: Int, jobs: Int) {
        main = Array(repeating: RawRequests(), count: nodes)
        standby = main
        self.jobs = jobs
    }

    var count: Int { (main + standby).reduce(0) { $0 + $1.count } }

    var hasStandbys: Bool { standby.contains { $0.count > 0 } }

    // Leads are dealt out in turn: job 0's is on node 0, job 1's on node 1, and its standbys are on all others. So it
    // follows from the number of puts a node was sent which job comes next.

    static func leadNode(of job: Int, nodes: Int) -> Int { job % nodes }

    /// The job of a node's next put, after so many.
    static func job(after count: Int, isStandby: Bool, node: Int, nodes: Int) -> Int {
        guard isStandby else { return count * nodes + node }
        // Of each round of jobs all but one.
        let place = count % (nodes - 1)
        return count / (nodes - 1) * nodes + (place < node ? place : place + 1)
    }
}
