import CommandSupport
import DelayQueue

/// How dead jobs are printed.
struct DeadJobText {
    private let job: DeadJob

    init(_ job: DeadJob) {
        self.job = job
    }

    var json: String {
        var object = JSONObject()
        object.add("id", job.id.description)
        object.add("diedAt", DateText.string(of: job.diedAt))
        object.add("reason", job.reason)
        object.add("consumer", job.consumer)
        object.add("runs", job.runs)
        object.add("failures", job.failures)
        object.add("endedLeases", job.endedLeases)
        object.add("endedAlone", job.endedAlone)
        object.add("copies", job.copies.map { "\($0.address) \($0.id)" })
        return object.line
    }

    /// The id, when, how many runs, by whom, and why.
    var line: String {
        let runs = job.runs == 1 ? "1 run" : "\(job.runs) runs"
        return [
            job.id.description, DateText.string(of: job.diedAt), runs, PrintableText.line(job.consumer),
            PrintableText.line(job.reason),
        ].joined(separator: "  ")
    }
}
