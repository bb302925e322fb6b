import Beanstalk
import DelayQueue

extension World {
    /// Whether a stored copy is the one a dead job has as its own.
    func isCopy(_ stored: SimulatedNode.StoredJob, on node: Int, _ named: CopyIdentity) -> Bool {
        switch named {
        case .index(let index): stored.origin.copy == index
        case .stored(let address, let id): addresses[node].address == address && stored.id == id.rawValue
        }
    }

    func copiesLeft(of job: Int) -> Int {
        nodes.reduce(0) { $0 + $1.jobs.count { $0.origin.job == job } }
    }
}
