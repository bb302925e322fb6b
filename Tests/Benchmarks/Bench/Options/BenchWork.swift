import ArgumentParser

/// How much work a measurement does.
struct BenchWork: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Jobs in each pass; each measurement has a number of its own unless given.", valueName: "count"))
    var jobs: Int?

    @Option(
        help: ArgumentHelp(
            "The size of each job's body; 32 unless given, and 0 where jobs are consumed.", valueName: "bytes"))
    var body: Int?

    /// As many jobs, but no more than their bodies leave room for: three copies of them are on the nodes.
    static func jobs(_ jobs: Int, ofBody size: Int) -> Int { min(jobs, mostBytes / max(size, 1)) }

    private static let mostBytes = 100_000_000

    func validate() throws {
        if let jobs, jobs < 1 { throw ValidationError("--jobs is \(jobs); give at least 1.") }
        if let body, !(0...60_000).contains(body) { throw ValidationError("--body is \(body); give 0 to 60000.") }
    }
}
