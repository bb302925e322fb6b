extension World {
    func copiesLeft(of job: Int) -> Int {
        nodes.reduce(0) { $0 + $1.jobs.count { $0.origin.job == job } }
    }
}
